"""Object headers: the messages that say what a group or a dataset is.

Specification, section IV.A.1, versions 1 and 2, with their continuation blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import final

from archc.weights.hdf5.image import (
    CHECKSUM_BYTES,
    Fields,
    Image,
    check_signature,
    without_checksum,
)
from archc.weights.hdf5.refusal import malformed, unsupported
from archc.weights.refusal import TOO_MANY, CheckpointError

_MAX_HEADER_BYTES = 4_000_000
_MAX_CONTINUATIONS = 10_000
_SHARED = 2


@final
class Message(IntEnum):
    """The types of messages that are read, or refused."""

    DATASPACE = 0x01
    LINK_INFO = 0x02
    DATATYPE = 0x03
    LINK = 0x06
    EXTERNAL_FILES = 0x07
    LAYOUT = 0x08
    FILTERS = 0x0B
    ATTRIBUTE = 0x0C
    CONTINUATION = 0x10
    SYMBOL_TABLE = 0x11
    ATTRIBUTE_INFO = 0x15


_READ = frozenset(message.value for message in Message)


@final
@dataclass(frozen=True, slots=True)
class ObjectHeader:
    """The messages of an object, by type, in the file's order.

    Attributes:
        what: the object, for messages to people: its path in the file.
        messages: type and body; a body's fields are taken once.
    """

    what: str
    messages: list[tuple[int, Fields]] = field(repr=False)

    def all(self, kind: Message) -> list[Fields]:
        """Every message of a type."""
        return [body for found, body in self.messages if found == kind]

    def one(self, kind: Message) -> Fields | None:
        """The message of a type; None where there is none.

        Raises:
            CheckpointError: there are several.
        """
        found = self.all(kind)
        if len(found) > 1:
            name = kind.name.lower().replace("_", " ")
            raise malformed(f"{self.what} has {len(found)} messages with its {name}")
        return found[0] if found else None


def read_header(image: Image, address: int, what: str) -> ObjectHeader:
    """The header of the object at an address.

    Raises:
        CheckpointError: it is malformed, too large, or refers to messages of other objects.
    """
    start = image.block(address, 4, what)
    reader = _NewHeader if start.data == b"OHDR" else _OldHeader
    return ObjectHeader(what, reader(image, what).read(address))


class _Header:
    """What both versions share: a list of blocks that grows while it is read."""

    def __init__(self, image: Image, what: str) -> None:
        self.image = image
        self.what = f"the header of {what}"
        self.messages: list[tuple[int, Fields]] = []
        self.pending: list[tuple[int, int]] = []
        self.bytes = 0
        self.seen: set[int] = set()

    def follow(self, body: Fields) -> None:
        """Notes the block that a continuation message leads to."""
        address, size = body.known_address(), body.length()
        if address in self.seen:
            raise malformed(f"{self.what} continues in itself")
        self.seen.add(address)
        self.count(size)
        self.pending.append((address, size))

    def count(self, size: int) -> None:
        """Counts a block before it is read."""
        self.bytes += size
        if self.bytes > _MAX_HEADER_BYTES or len(self.seen) > _MAX_CONTINUATIONS:
            raise CheckpointError(
                TOO_MANY, f"{self.what} takes more than {_MAX_HEADER_BYTES} bytes"
            )

    def add(self, kind: int, flags: int, body: Fields) -> None:
        """Takes a message over."""
        if kind == Message.CONTINUATION:
            self.follow(body)
        elif flags & _SHARED and kind in _READ:
            raise unsupported(f"{self.what} refers to a message that objects share")
        else:
            self.messages.append((kind, body))


@final
class _OldHeader(_Header):
    """Version 1: messages at multiples of eight bytes, no checksum."""

    def read(self, address: int) -> list[tuple[int, Fields]]:
        prefix = self.image.block(address, 16, self.what)
        if prefix.take(2) != b"\x01\0":
            raise malformed(f"{self.what} is not where it is said to be, at byte {address}")
        declared = prefix.uint(2)
        prefix.take(4)
        size = prefix.uint(4)
        self.count(size)
        self.seen.add(address + 16)
        self.pending.append((address + 16, size))
        count = 0
        while self.pending:
            count += self.block(*self.pending.pop(0))
            if count > declared:
                raise malformed(f"{self.what} has more than the {declared} messages it declares")
        if count != declared:
            raise malformed(f"{self.what} has {count} messages, but declares {declared}")
        return self.messages

    def block(self, address: int, size: int) -> int:
        """Takes a block's messages, and gives their count."""
        fields = self.image.block(address, size, self.what)
        count = 0
        while fields.left >= 8:
            kind, size, flags = fields.uint(2), fields.uint(2), fields.uint(1)
            fields.take(3)
            self.add(kind, flags, fields.part(size, self.what))
            count += 1
        if fields.left:
            raise malformed(f"{self.what} has {fields.left} bytes that are no message")
        return count


@final
class _NewHeader(_Header):
    """Version 2: packed messages and a checksum for each block."""

    def read(self, address: int) -> list[tuple[int, Fields]]:
        prefix = self.image.block(address, 6, self.what)
        check_signature(prefix, b"OHDR", version=2)
        flags = prefix.uint(1)
        skipped = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = self.image.block(address + skipped, width, self.what).uint(width)
        self.count(size)
        begin = skipped + width
        whole = self.image.block(address, begin + size + CHECKSUM_BYTES, self.what)
        fields = without_checksum(whole)
        fields.take(begin)
        tracked = bool(flags & 4)
        self.block(fields, tracked)
        while self.pending:
            at, size = self.pending.pop(0)
            fields = without_checksum(self.image.block(at, size, self.what))
            if fields.take(4) != b"OCHK":
                raise malformed(f"{self.what} does not continue where it says, at byte {at}")
            self.block(fields, tracked)
        return self.messages

    def block(self, fields: Fields, tracked: bool) -> None:
        """Takes a block's messages; fewer bytes than a message has are a gap."""
        least = 6 if tracked else 4
        while fields.left >= least:
            kind, size, flags = fields.uint(1), fields.uint(2), fields.uint(1)
            fields.take(least - 4)
            self.add(kind, flags, fields.part(size, self.what))
