"""Small constants as the bytes that are written: nested lists of numbers, packed."""

from __future__ import annotations

import math
import struct
from typing import TypeAlias

from archc.diagnostics.errors import InternalError
from archc.shapes.tensor_type import DType

Number: TypeAlias = int | float

_CODES = {DType.FLOAT32: "f", DType.FLOAT16: "e", DType.UINT8: "B", DType.INT64: "q"}


def pack(values: object, dtype: DType) -> tuple[tuple[int, ...], bytes]:
    """The sizes and the little-endian bytes, in C order, of a number or nested lists of numbers.

    A float beyond the range of the element type becomes infinite, as a cast would make it.

    Raises:
        InternalError: the lists are ragged, or hold something that is no number.
    """
    dims: list[int] = []
    level = values
    while isinstance(level, list | tuple):
        dims.append(len(level))
        level = level[0] if level else 0.0
    numbers: list[Number] = []
    _flatten(values, dims, numbers)
    code = _CODES[dtype]
    try:
        data = struct.pack(f"<{len(numbers)}{code}", *numbers)
    except OverflowError:
        data = b"".join(_pack_saturated(number, code) for number in numbers)
    except struct.error as e:
        raise InternalError(f"a constant does not fit {dtype.value}: {e}") from e
    return tuple(dims), data


def unpack_integers(data: bytes) -> list[int]:
    """The numbers that int64 bytes hold.

    >>> unpack_integers(pack([1, -1], DType.INT64)[1])
    [1, -1]
    """
    return list(struct.unpack(f"<{len(data) // 8}q", data))


def unpack_floats(data: bytes, dtype: DType) -> tuple[float, ...]:
    """The numbers that the bytes of float32 or float16 elements hold."""
    return struct.unpack(f"<{len(data) // dtype.size_bytes}{_CODES[dtype]}", data)


def unpack_float(data: bytes, dtype: DType) -> float:
    """The one number that the bytes of a float32 or float16 scalar hold."""
    return float(struct.unpack(f"<{_CODES[dtype]}", data)[0])


def _flatten(values: object, dims: list[int], numbers: list[Number]) -> None:
    if not dims:
        if not isinstance(values, int | float):
            raise InternalError(f"a constant holds {values!r}, which is no number")
        numbers.append(values)
        return
    if not isinstance(values, list | tuple) or len(values) != dims[0]:
        raise InternalError(f"a constant is ragged: {values!r} where {dims} is wanted")
    for value in values:
        _flatten(value, dims[1:], numbers)


def _pack_saturated(number: Number, code: str) -> bytes:
    try:
        return struct.pack(f"<{code}", number)
    except OverflowError:
        return struct.pack(f"<{code}", math.copysign(math.inf, number))
