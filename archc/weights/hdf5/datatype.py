"""Element types and sizes of arrays: datatype and dataspace messages.

Specification, sections IV.A.2.b and IV.A.2.d.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from archc.weights.hdf5.image import Fields
from archc.weights.hdf5.refusal import malformed, unsupported

_MAX_RANK = 32
_MAX_ELEMENTS = 1 << 56

_CLASSES: Mapping[int, str] = {
    2: "times",
    4: "bit fields",
    6: "compounds",
    7: "references",
    10: "arrays",
    11: "complex numbers",
}

# Sign bit, place and size of the exponent, place and size of the mantissa, bias.
_FLOATS: Mapping[tuple[int, ...], str] = {
    (2, 15, 10, 5, 0, 10, 15): "float16",
    (2, 15, 7, 8, 0, 7, 127): "bfloat16",
    (4, 31, 23, 8, 0, 23, 127): "float32",
    (8, 63, 52, 11, 0, 52, 1023): "float64",
}
_IMPLIED_BIT = 2


class Number(NamedTuple):
    """Numbers, little-endian, by the name that `ELEMENT_TYPES` knows."""

    name: str
    size: int


class FixedText(NamedTuple):
    """Texts of a fixed number of bytes, ended by a zero or filled with `filler`."""

    size: int
    filler: bytes


class VariableText(NamedTuple):
    """Texts of any length, in a global heap."""

    size: int


class OtherType(NamedTuple):
    """What weights and their names are not stored as."""

    size: int
    described: str


Datatype: TypeAlias = Number | FixedText | VariableText | OtherType


def read_datatype(fields: Fields) -> Datatype:
    """The element type that a datatype message declares.

    Raises:
        CheckpointError: the message is malformed.
    """
    first = fields.uint(1)
    kind, version = first & 15, first >> 4
    if not 1 <= version <= 5:
        raise malformed(f"{fields.what} has a datatype of version {version}, which is unknown")
    bits, size = fields.uint(3), fields.uint(4)
    if size == 0:
        raise malformed(f"{fields.what} has elements of no size")
    match kind:
        case 0:
            return _integer(fields, bits, size)
        case 1:
            return _float(fields, bits, size)
        case 3:
            return FixedText(size, b" " if bits & 15 == 2 else b"\0")
        case 5 if size == 2 and bits & 255 == 0:
            # numpy has no bfloat16, so h5py stores what Keras gives it as two bytes of no type.
            return Number("bfloat16", 2)
        case 8:
            return _enumeration(fields, bits, size)
        case 9 if bits & 15 == 1:
            return VariableText(size)
    return OtherType(size, _CLASSES.get(kind, "another type"))


def _integer(fields: Fields, bits: int, size: int) -> Datatype:
    offset, precision = fields.uint(2), fields.uint(2)
    if bits & 1 and size > 1:
        return OtherType(size, "big-endian integers")
    if size not in (1, 2, 4, 8) or offset or precision != 8 * size:
        return OtherType(size, f"integers of {precision} bits")
    return Number(f"{'int' if bits & 8 else 'uint'}{8 * size}", size)


def _float(fields: Fields, bits: int, size: int) -> Datatype:
    offset, precision = fields.uint(2), fields.uint(2)
    places = [fields.uint(1) for _ in range(4)]
    bias = fields.uint(4)
    name = _FLOATS.get((size, bits >> 8 & 255, *places, bias))
    if bits & 0x41:
        return OtherType(size, "big-endian floats")
    if name is None or offset or precision != 8 * size or bits >> 4 & 3 != _IMPLIED_BIT:
        return OtherType(size, f"floats of {precision} bits of an unusual form")
    return Number(name, size)


def _enumeration(fields: Fields, bits: int, size: int) -> Datatype:
    """Truth values, which h5py stores as numbers with the names FALSE and TRUE."""
    base = read_datatype(fields)
    # Names end with a zero; up to version 2 of the datatype they are filled up to eight bytes.
    names = [name for name in fields.take(fields.left)[: -2 or None].split(b"\0") if name]
    if base == Number("int8", 1) and bits & 0xFFFF == 2 and names[:2] == [b"FALSE", b"TRUE"]:
        return Number("bool", 1)
    return OtherType(size, "enumerations")


def read_dataspace(fields: Fields) -> tuple[int, ...] | None:
    """The sizes that a dataspace message declares; None for one that holds nothing at all.

    Raises:
        CheckpointError: the message is malformed.
    """
    version, rank, flags, kind = (fields.uint(1) for _ in range(4))
    if version == 1:
        fields.take(4)
        kind = 1
    elif version != 2 or kind > 2:
        raise malformed(f"{fields.what} has sizes of version {version}, which is unknown")
    if rank > _MAX_RANK or (rank and kind != 1):
        raise malformed(f"{fields.what} has {rank} dimensions")
    if flags & 2 and version == 1:
        raise unsupported(f"{fields.what} has its dimensions in another order")
    shape = tuple(fields.length() for _ in range(rank))
    if math.prod(max(size, 1) for size in shape) > _MAX_ELEMENTS:
        raise malformed(f"{fields.what} has {' × '.join(map(str, shape))} elements")
    return None if kind == 2 else shape
