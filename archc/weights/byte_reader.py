"""Bytes of a stretch of a file in order, with every length checked before memory is taken."""

from __future__ import annotations

from typing import final

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.refusal import AGAIN, TRUNCATED, CheckpointError

TOO_LARGE = Rule(
    "weights/too-large",
    "a part of a checkpoint is larger than archc reads",
    "Everything but the tensors themselves is small. A bound keeps a hostile file cheap.",
)

_BUFFER_BYTES = 1 << 16


@final
class ByteReader:
    """Reads a stretch of a file from its begin, at most `budget` bytes of it."""

    def __init__(self, file: CheckpointFile, begin: int, end: int, what: str, budget: int) -> None:
        self.what = what
        self._file = file
        self._begin = begin
        self._end = end
        self._budget = budget
        self._buffer = b""
        self._buffer_begin = begin
        self._at = 0

    @property
    def position(self) -> int:
        """Position in the file of the next byte."""
        return self._buffer_begin + self._at

    @property
    def offset(self) -> int:
        """Bytes taken so far."""
        return self.position - self._begin

    def take(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            CheckpointError: fewer bytes are left, or more than the budget are asked for.
        """
        at = self._at
        if at + count > len(self._buffer):
            self._fill(count)
            at = 0
        self._at = at + count
        return self._buffer[at : at + count]

    def line(self, longest: int) -> bytes:
        """The bytes up to the next line end, which is taken too.

        Raises:
            CheckpointError: the line is longer than `longest`, or the stretch ends in it.
        """
        taken = bytearray()
        while (byte := self.take(1)) != b"\n":
            taken += byte
            if len(taken) > longest:
                message = (
                    f"{self.what} has a name of more than {longest} bytes at byte {self.offset}"
                )
                raise CheckpointError(TOO_LARGE, message)
        return bytes(taken)

    def _fill(self, count: int) -> None:
        position = self.position
        if count > self._end - position:
            message = (
                f"{self.what} ends too early: {count} bytes are declared at byte {self.offset},"
                f" and {self._end - position} are left"
            )
            raise CheckpointError(TRUNCATED, message, helps=[AGAIN])
        if self.offset + count > self._budget:
            message = f"{self.what} is larger than {self._budget} bytes"
            raise CheckpointError(TOO_LARGE, message)
        size = min(max(count, _BUFFER_BYTES), self._end - position)
        self._buffer = self._file.read(position, size)
        self._buffer_begin = position
        self._at = 0
