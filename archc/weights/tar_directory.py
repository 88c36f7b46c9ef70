"""The members of a tar archive and where their bytes lie, for archives that PyTorch once wrote.

A member is a header of 512 bytes and its bytes, filled up to whole blocks of 512 (POSIX.1-2001,
`pax`, "ustar Interchange Format"). Python writes the time of a file as a header of its own before
it ("pax Extended Header"), which may give the size of a large member as well. Two blocks of zeros
end the archive. Whatever else a tar archive may hold (links, folders, devices) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.refusal import AGAIN, DUPLICATE_NAME, TOO_MANY, TRUNCATED, CheckpointError
from archc.weights.shown import shown

MALFORMED_TAR = Rule(
    "weights/malformed-tar",
    "the tar archive of a checkpoint is malformed",
    "Each member must lie where the headers say, plainly, up to the archive's end. Programs read"
    " archives that contradict themselves in different ways.",
)

BLOCK = 512

_MAX_MEMBERS = 1000
_MAX_RECORDS_BYTES = 1 << 16
_MAX_FILLED_BYTES = 1 << 20
_USTAR = b"ustar"
_BASE_256 = 0x80
_REGULAR, _EXTENDED = b"0\0", b"x"
_HARMLESS = frozenset(("mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"))
"""Keys of an extended header that do not change what a member is."""


class TarMember(NamedTuple):
    """A member: its name, the position of its bytes in the file, and how many there are."""

    name: str
    begin: int
    size: int


def is_tar(head: bytes) -> bool:
    """Whether a file that begins so is a tar archive: it says so, or has a true checksum."""
    block = head[:BLOCK]
    if len(block) < BLOCK or not any(block):
        return False
    return block[257:262] == _USTAR or _declared_checksum(block) == _checksum(block)


def read_tar(file: CheckpointFile) -> Mapping[str, TarMember]:
    """The members by name, in the archive's order.

    Raises:
        CheckpointError: the archive is cut short, contradicts itself, or holds what is no file.
    """
    members: dict[str, TarMember] = {}
    at = 0
    size: int | None = None
    while any(block := _block(file, at)):
        if _declared_checksum(block) != _checksum(block):
            raise _malformed(f"the header at byte {at} has another checksum than it declares")
        member = TarMember(_name(block), at + BLOCK, _size(block, at))
        kind = block[156:157]
        if kind == _EXTENDED and size is None:
            size = _extended_size(file, member)
        elif kind in _REGULAR:
            member = member if not size else member._replace(size=size)
            size = None
            if member.name in members:
                message = f"the archive has two members named `{shown(member.name)}`"
                raise CheckpointError(DUPLICATE_NAME, message)
            members[member.name] = member
        else:
            raise _malformed(f"the member `{shown(member.name)}` is no plain file")
        at = _end(file, member)
        if len(members) > _MAX_MEMBERS:
            message = f"the archive has more than {_MAX_MEMBERS} members"
            raise CheckpointError(TOO_MANY, message)
    if size is not None:
        raise _malformed("the archive ends in a member")
    _check_rest(file, at)
    return members


def _block(file: CheckpointFile, at: int) -> bytes:
    if at + BLOCK > file.size:
        raise CheckpointError(
            TRUNCATED,
            f"the archive ends too early, at byte {file.size}",
            helps=[AGAIN],
        )
    return file.read(at, BLOCK)


def _end(file: CheckpointFile, member: TarMember) -> int:
    """Where the block begins that follows a member."""
    end = member.begin + member.size
    if end > file.size:
        message = (
            f"the member `{shown(member.name)}` takes {member.size} bytes, but the file has"
            f" {file.size - member.begin} for it"
        )
        raise CheckpointError(TRUNCATED, message, helps=[AGAIN])
    filled = -end % BLOCK
    if end + filled > file.size:
        _block(file, end + filled - BLOCK)
    if any(file.read(end, filled)):
        raise _malformed(f"bytes behind the member `{shown(member.name)}` belong to none")
    return end + filled


def _check_rest(file: CheckpointFile, at: int) -> None:
    """After one block of zeros comes another, and nothing but zeros."""
    _block(file, at + BLOCK)
    if file.size - at > _MAX_FILLED_BYTES or any(file.read(at, file.size - at)):
        raise _malformed(f"{file.size - at} bytes follow the end of the archive")


def _checksum(block: bytes) -> int:
    """The sum of the bytes, those of the declared sum taken for spaces."""
    return sum(block) - sum(block[148:156]) + 8 * ord(" ")


def _declared_checksum(block: bytes) -> int | None:
    return _octal(block[148:156])


def _octal(field: bytes) -> int | None:
    text = field.rstrip(b"\0 ").lstrip(b" ")
    return int(text, 8) if text and all(byte in b"01234567" for byte in text) else None


def _name(block: bytes) -> str:
    name, prefix = (field.partition(b"\0")[0] for field in (block[:100], block[345:500]))
    whole = prefix + b"/" + name if prefix and block[257:262] == _USTAR else name
    return whole.decode("utf-8", "surrogateescape")


def _size(block: bytes, at: int) -> int:
    field = block[124:136]
    if field[0] == _BASE_256:
        return int.from_bytes(field[1:], "big")
    size = _octal(field)
    if size is None:
        raise _malformed(f"the header at byte {at} declares no size")
    return size


def _extended_size(file: CheckpointFile, member: TarMember) -> int:
    """The size that an extended header gives to the member after it, 0 where it gives none."""
    _end(file, member)
    if member.size > _MAX_RECORDS_BYTES:
        raise _malformed(f"an extended header takes {member.size} bytes")
    data = file.read(member.begin, member.size)
    size = 0
    while data:
        length, space, _ = data[:8].partition(b" ")
        count = int(length) if length.isdigit() and space else 0
        record = data[len(length) + 1 : count]
        if count > len(data) or not record.endswith(b"\n") or b"=" not in record:
            raise _malformed(f"an extended header at byte {member.begin} is damaged")
        data = data[count:]
        key, _, value = record[:-1].decode("utf-8", "replace").partition("=")
        if key == "size" and value.isascii() and value.isdigit() and len(value) < 19:
            size = int(value)
        elif key not in _HARMLESS:
            raise _malformed(f"an extended header gives a `{shown(key)}`")
    return size


def _malformed(message: str) -> CheckpointError:
    return CheckpointError(MALFORMED_TAR, message, helps=[AGAIN])
