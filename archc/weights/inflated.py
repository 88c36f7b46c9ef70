"""A deflated member of a zip archive, read at positions as if it were plain (RFC 1951).

Only what was asked for is unpacked, and at most as much as the archive declares: a few bytes may
be made to unpack to any size. Reading forward costs nothing beyond; a step back begins anew.
"""

from __future__ import annotations

import errno
import zlib
from typing import final

from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.refusal import CheckpointError
from archc.weights.shown import shown
from archc.weights.zip_directory import MALFORMED_ZIP, Member

_STORED_CHUNK = 1 << 18
_SKIPPED_CHUNK = 1 << 20
_LARGEST_RATIO = 1032
"""Bytes that one deflated byte can stand for: two bits for each 258."""


@final
class Inflated:
    """The unpacked bytes of a member.

    Raises:
        CheckpointError: the member declares more bytes than what is stored can stand for.
    """

    def __init__(self, file: CheckpointFile, member: Member) -> None:
        if member.size > (member.stored_bytes + 1) * _LARGEST_RATIO:
            message = (
                f"the member `{shown(member.name)}` declares {member.size} bytes, more than its"
                f" {member.stored_bytes} deflated ones can stand for"
            )
            raise CheckpointError(MALFORMED_ZIP, message)
        self._file = file
        self._member = member
        self._begin_anew()

    def read(self, begin: int, count: int) -> bytes:
        """Exactly `count` unpacked bytes from position `begin`, which must lie inside the member.

        Raises:
            OSError: the member is damaged, or the file cannot be read.
        """
        if begin < self._at:
            self._begin_anew()
        while begin > self._at:
            self._take(min(begin - self._at, _SKIPPED_CHUNK))
        return self._take(count)

    def _begin_anew(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = b""
        self._stored_at = self._member.begin
        self._at = 0
        self._checksum = 0

    def _take(self, count: int) -> bytes:
        parts: list[bytes] = []
        left = count
        while left:
            part = self._inflate(left)
            self._checksum = zlib.crc32(part, self._checksum)
            self._at += len(part)
            left -= len(part)
            parts.append(part)
        if self._at == self._member.size:
            self._check_end()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _inflate(self, most: int) -> bytes:
        """The next unpacked bytes, at least one."""
        while True:
            try:
                part = self._inflater.decompress(self._waiting, most)
            except zlib.error as error:
                raise self._damaged("is damaged") from error
            self._waiting = self._inflater.unconsumed_tail
            if part:
                return part
            if self._inflater.eof or not self._refill():
                raise self._damaged(f"unpacks to less than its {self._member.size} bytes")

    def _refill(self) -> bool:
        """Whether there were stored bytes left to read."""
        left = self._member.begin + self._member.stored_bytes - self._stored_at
        self._waiting = self._file.read(self._stored_at, min(left, _STORED_CHUNK)) if left else b""
        self._stored_at += len(self._waiting)
        return left > 0

    def _check_end(self) -> None:
        """Whether nothing follows, and the bytes are those that were packed."""
        try:
            while True:
                if self._inflater.decompress(self._waiting, 1):
                    raise self._damaged(f"unpacks to more than its {self._member.size} bytes")
                self._waiting = self._inflater.unconsumed_tail
                if self._inflater.eof:
                    break
                if not self._refill():
                    raise self._damaged("is cut short")
        except zlib.error as error:
            raise self._damaged("is damaged") from error
        if self._checksum != self._member.checksum:
            raise self._damaged("has another checksum than the archive declares")

    def _damaged(self, how: str) -> OSError:
        name = shown(self._member.name)
        return OSError(errno.EIO, f"the archive's member `{name}` {how}", self._file.path)
