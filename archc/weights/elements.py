"""Element types that checkpoints store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ElementType:
    """How an element is stored.

    Attributes:
        name: as PyTorch names it.
        size_bytes: bytes an element.
        code: numpy's code of the stored bytes, little-endian; None where archc cannot convert it.
    """

    name: str
    size_bytes: int
    code: str | None


ELEMENT_TYPES: Mapping[str, ElementType] = {
    kind.name: kind
    for kind in (
        ElementType("float32", 4, "<f4"),
        ElementType("float16", 2, "<f2"),
        # numpy has no bfloat16: its bits are the upper half of a float32's.
        ElementType("bfloat16", 2, "<u2"),
        ElementType("float64", 8, "<f8"),
        ElementType("int64", 8, "<i8"),
        ElementType("int32", 4, "<i4"),
        ElementType("int16", 2, "<i2"),
        ElementType("int8", 1, "|i1"),
        ElementType("uint8", 1, "|u1"),
        ElementType("uint16", 2, "<u2"),
        ElementType("uint32", 4, "<u4"),
        ElementType("uint64", 8, "<u8"),
        # Bytes, not numpy's booleans: a file may hold others than 0 and 1.
        ElementType("bool", 1, "|u1"),
        ElementType("complex32", 4, None),
        ElementType("complex64", 8, None),
        ElementType("complex128", 16, None),
        ElementType("float8_e4m3fn", 1, None),
        ElementType("float8_e4m3fnuz", 1, None),
        ElementType("float8_e5m2", 1, None),
        ElementType("float8_e5m2fnuz", 1, None),
        ElementType("float8_e8m0fnu", 1, None),
        ElementType("qint8", 1, None),
        ElementType("quint8", 1, None),
        ElementType("qint32", 4, None),
    )
}
"""Every element type whose size is known, by name."""
