"""The wire format of protobuf: fields as bytes, and bytes as fields.

A field is a key, number · 8 + wire type, and its content (protobuf.dev, Encoding). Repeated numbers
are written one field each, as ONNX's proto2 messages have them; readers take both forms.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first; negative ones as 64-bit complements."""
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def integer(field: int, value: int) -> bytes:
    """A field that holds an integer or an enumerator."""
    return varint(field << 3 | _VARINT) + varint(value)


def real(field: int, value: float) -> bytes:
    """A field that holds a float of 32 bits; what is beyond its range is infinite."""
    try:
        content = struct.pack("<f", value)
    except OverflowError:
        content = struct.pack("<f", math.copysign(math.inf, value))
    return varint(field << 3 | _FIXED32) + content


def head(field: int, length: int) -> bytes:
    """What precedes the content of a string, of bytes or of a message of this length."""
    return varint(field << 3 | _LENGTH) + varint(length)


def block(field: int, content: bytes) -> bytes:
    """A field that holds bytes or a message."""
    return head(field, len(content)) + content


def text(field: int, value: str) -> bytes:
    """A field that holds a string."""
    return block(field, value.encode())


@dataclass(frozen=True, slots=True)
class Field:
    """A field that was found in a file: its content is not read yet, unless it is an integer.

    Attributes:
        number: the field's number.
        start: where its key begins.
        content: where its content begins.
        end: where it ends.
        value: its integer; None where its content is bytes or a float.
    """

    number: int
    start: int
    content: int
    end: int
    value: int | None


def fields(file: BinaryIO, start: int, end: int) -> Iterator[Field]:
    """The fields of the message that lies between two positions, their contents passed over.

    Raises:
        ValueError: the bytes are no message.
    """
    position = start
    while position < end:
        file.seek(position)
        key = _read_varint(file)
        content = file.tell()
        value: int | None = None
        match key & 7:
            case 0:
                value = _read_varint(file)
                stop = file.tell()
            case 1:
                stop = content + 8
            case 2:
                length = _read_varint(file)
                content = file.tell()
                stop = content + length
            case 5:
                stop = content + 4
            case kind:
                raise ValueError(f"wire type {kind} at byte {position}")
        if stop > end:
            raise ValueError(f"the field at byte {position} ends beyond its message")
        yield Field(key >> 3, position, content, stop, value)
        position = stop


def read(file: BinaryIO, start: int, end: int) -> bytes:
    """The bytes between two positions."""
    file.seek(start)
    return file.read(end - start)


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("the file ends within a number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("a number of more than 64 bits")
