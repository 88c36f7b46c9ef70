"""The members of a zip archive and where their bytes lie, for archives that hold weights.

Read from the central directory at the end (PKWARE APPNOTE 6.3, sections 4.3.7 to 4.3.16), and held
to what PyTorch, NumPy and Keras write: one disk, nothing between the parts, names unique and the
same in both places. Programs resolve archives that differ from this in different ways. Checksums of
plain members are not compared: PyTorch can be told not to write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import final

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.refusal import (
    AGAIN,
    DUPLICATE_NAME,
    OVERLAP,
    TOO_MANY,
    TRUNCATED,
    CheckpointError,
)
from archc.weights.shown import shown

MALFORMED_ZIP = Rule(
    "weights/malformed-zip",
    "the zip archive of a checkpoint is malformed",
    "Its directory must say plainly where each member lies. Programs read archives that contradict"
    " themselves in different ways.",
)

_END = Struct("<4s4H2LH")
_END_64_LOCATOR = Struct("<4sLQL")
_END_64 = Struct("<4sQ2H2L4Q")
_ENTRY = Struct("<4s6H3L5H2L")
_LOCAL = Struct("<4s5H3L2H")

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1

_MAX_COMMENT = 65_535
_MAX_MEMBERS = 200_000
_MAX_DIRECTORY_BYTES = 64_000_000


@final
@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: its path in the archive.
        begin: the position of its bytes in the archive's file.
        size: how many bytes it has, unpacked.
        is_plain: whether they stand there as they are, neither compressed nor encrypted.
        is_deflated: whether they stand there deflated, and not encrypted.
        stored_bytes: how many stand there.
        checksum: the CRC-32 of the unpacked bytes, as declared.
    """

    name: str
    begin: int
    size: int
    is_plain: bool
    is_deflated: bool
    stored_bytes: int
    checksum: int


@dataclass(frozen=True, slots=True)
class _Entry:
    raw_name: bytes
    header: int
    stored_bytes: int
    size: int
    is_plain: bool
    is_deflated: bool
    checksum: int


def read_directory(file: CheckpointFile) -> dict[str, Member]:
    """The members by name, in the directory's order.

    Raises:
        CheckpointError: the archive is cut short, contradicts itself, or has too many members.
    """
    count, begin, size = _find_directory(file)
    if count > _MAX_MEMBERS or size > _MAX_DIRECTORY_BYTES:
        message = f"the archive declares {count} members, whose names take {size} bytes"
        raise CheckpointError(TOO_MANY, message)
    entries = _entries(file.read(begin, size), count)
    members: dict[str, Member] = {}
    at = 0
    ordered = {entry.header: entry for entry in sorted(entries, key=lambda entry: entry.header)}
    if len(ordered) != len(entries):
        raise CheckpointError(OVERLAP, "two members of the archive begin at the same byte")
    places: dict[int, int] = {}
    for header, entry in ordered.items():
        if header < at:
            name = shown(_name(entry))
            message = f"the member `{name}` begins in the one before it"
            raise CheckpointError(OVERLAP, message)
        places[header] = _data_begin(file, entry, begin)
        at = places[header] + entry.stored_bytes
        if at > begin:
            raise _malformed(f"the member `{shown(_name(entry))}` goes beyond the members' part")
    for entry in entries:
        name = _name(entry)
        if name in members:
            message = f"the archive has two members named `{shown(name)}`"
            raise CheckpointError(DUPLICATE_NAME, message)
        members[name] = Member(
            name,
            places[entry.header],
            entry.size,
            entry.is_plain,
            entry.is_deflated,
            entry.stored_bytes,
            entry.checksum,
        )
    return members


def _find_directory(file: CheckpointFile) -> tuple[int, int, int]:
    """How many members there are, and where their directory begins and how long it is."""
    tail_size = min(file.size, _END.size + _MAX_COMMENT)
    tail = file.read(file.size - tail_size, tail_size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise CheckpointError(
            TRUNCATED,
            "the zip archive has no directory at its end",
            helps=[AGAIN],
        )
    _, disk, first_disk, here, count, size, begin, comment = _END.unpack_from(tail, at)
    end = file.size - tail_size + at
    if comment != len(tail) - at - _END.size or disk or first_disk or here != count:
        raise _malformed("the end of the archive is not where it says")
    large_end = end - _END_64.size - _END_64_LOCATOR.size
    if large_end >= 0:
        locator = file.read(end - _END_64_LOCATOR.size, _END_64_LOCATOR.size)
        if locator.startswith(b"PK\x06\x07"):
            end = large_end
            count, begin, size = _large_end(file, end, _END_64_LOCATOR.unpack(locator)[2])
    if begin + size != end:
        raise _malformed("the directory of the archive is not where it says")
    return count, begin, size


def _large_end(file: CheckpointFile, at: int, declared: int) -> tuple[int, int, int]:
    """The same from the record for large archives, which PyTorch always writes."""
    record = _END_64.unpack(file.read(at, _END_64.size))
    signature, _, _, _, disk, first_disk, here, count, size, begin = record
    if at != declared or signature != b"PK\x06\x06" or disk or first_disk or here != count:
        raise _malformed("the end of the archive is not where it says")
    return count, begin, size


def _entries(directory: bytes, count: int) -> list[_Entry]:
    entries: list[_Entry] = []
    at = 0
    while at < len(directory) and len(entries) < count:
        if len(directory) - at < _ENTRY.size or directory[at : at + 4] != b"PK\x01\x02":
            raise _malformed(f"entry {len(entries) + 1} of the archive's directory is damaged")
        fields = _ENTRY.unpack_from(directory, at)
        flags, method, checksum, stored, size = *fields[3:5], *fields[7:10]
        name_size, extra_size, comment_size, header = *fields[10:13], fields[16]
        name_end = at + _ENTRY.size + name_size
        extra_end = name_end + extra_size
        at, begin = extra_end + comment_size, at + _ENTRY.size
        if at > len(directory):
            raise _malformed(f"entry {len(entries) + 1} of the archive's directory is cut short")
        size, stored, header = _wide(directory[name_end:extra_end], size, stored, header)
        is_plain = method == _STORED and not flags & _ENCRYPTED and size == stored
        is_deflated = method == _DEFLATED and not flags & _ENCRYPTED
        raw_name = directory[begin:name_end]
        entries.append(_Entry(raw_name, header, stored, size, is_plain, is_deflated, checksum))
    if len(entries) != count or at != len(directory):
        raise _malformed(f"the archive's directory does not have the {count} members it declares")
    return entries


def _wide(extra: bytes, *narrow: int) -> tuple[int, ...]:
    """The values with those that do not fit into four bytes taken from the extra field."""
    if 0xFFFFFFFF not in narrow:
        return narrow
    at = 0
    while at + 4 <= len(extra):
        kind = int.from_bytes(extra[at : at + 2], "little")
        size = int.from_bytes(extra[at + 2 : at + 4], "little")
        if kind == 1:
            break
        at += 4 + size
    wide: list[int] = []
    at += 4
    for value in narrow:
        if value != 0xFFFFFFFF:
            wide.append(value)
            continue
        if at + 8 > len(extra):
            raise _malformed("the archive's directory lacks the size of a large member")
        wide.append(int.from_bytes(extra[at : at + 8], "little"))
        at += 8
    return tuple(wide)


def _data_begin(file: CheckpointFile, entry: _Entry, end: int) -> int:
    """Where a member's bytes begin, behind the header that repeats its name."""
    name_end = entry.header + _LOCAL.size + len(entry.raw_name)
    if name_end > end:
        raise _malformed(f"the member `{shown(_name(entry))}` goes beyond the members' part")
    header = file.read(entry.header, name_end - entry.header)
    fields = _LOCAL.unpack_from(header)
    if fields[0] != b"PK\x03\x04" or header[_LOCAL.size :] != entry.raw_name:
        message = f"the member `{shown(_name(entry))}` is not where the archive's directory says"
        raise _malformed(message)
    extra_size: int = fields[10]
    return name_end + extra_size


def _name(entry: _Entry) -> str:
    return entry.raw_name.decode("utf-8", "surrogateescape")


def _malformed(message: str) -> CheckpointError:
    return CheckpointError(MALFORMED_ZIP, message, helps=[f"{AGAIN}, or save it again"])
