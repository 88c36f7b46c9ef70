"""Tensors as the protocol's binary form has them: little-endian, row-major, without padding.

An element of a BYTES tensor is its length in 4 bytes and then its bytes. Source: Triton's binary
tensor data extension, docs/protocol/extension_binary_data.md of triton-inference-server/server.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archc.serving.client.protocol import Tensor
from archc.weights.shown import shown

BYTES = "BYTES"

DATATYPES: dict[str, np.dtype[np.generic]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""The element type of each datatype that numpy has."""

_NAMES = {dtype: name for name, dtype in DATATYPES.items()}
_LENGTH_BYTES = 4


class MalformedTensorError(Exception):
    """A server's tensor is not what it declares; the text says in what."""


class UnknownDatatypeError(Exception):
    """A server's tensor has elements that numpy has not; the text is their type."""


class Encoded(NamedTuple):
    """A tensor ready to be sent."""

    datatype: str
    shape: tuple[int, ...]
    data: bytes


def encode(tensor: Tensor) -> Encoded:
    """The binary form of an array, or of byte strings (N, 1).

    Raises:
        TypeError: the elements have no datatype in the protocol.
    """
    if not isinstance(tensor, np.ndarray):
        return Encoded(BYTES, (len(tensor), 1), _join(tensor))
    if tensor.dtype.kind in "OS":
        return Encoded(BYTES, tensor.shape, _join(tensor.reshape(-1).tolist()))
    dtype = tensor.dtype.newbyteorder("<")
    name = _NAMES.get(dtype)
    if name is None:
        raise TypeError(f"elements of {tensor.dtype} have no datatype")
    return Encoded(name, tensor.shape, np.ascontiguousarray(tensor, dtype).tobytes())


def decode(name: str, datatype: str, shape: Sequence[int], data: bytes) -> NDArray[np.generic]:
    """The array in a binary form.

    Raises:
        MalformedTensorError: the data's length is not that of the shape.
        UnknownDatatypeError: numpy has no such elements.
    """
    if min(shape, default=0) < 0:
        raise MalformedTensorError(f"`{shown(name)}` has a negative size")
    count = math.prod(shape)
    if datatype == BYTES:
        return _shaped(name, _split(name, count, data), shape)
    dtype = DATATYPES.get(datatype)
    if dtype is None:
        raise UnknownDatatypeError(datatype)
    if count * dtype.itemsize != len(data):
        raise MalformedTensorError(
            f"`{shown(name)}` is {datatype} {list(shape)}, which are {count * dtype.itemsize} "
            f"bytes, and {len(data)} came"
        )
    flat = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
    return _shaped(name, flat, shape)


def _shaped(name: str, flat: NDArray[np.generic], shape: Sequence[int]) -> NDArray[np.generic]:
    try:
        return flat.reshape(shape)
    except ValueError as error:  # too many axes, or, beside one of size 0, too long ones
        raise MalformedTensorError(f"`{shown(name)}` has no shape of numpy's: {error}") from None


def _join(elements: Sequence[bytes]) -> bytes:
    return b"".join(
        part for one in elements for part in (len(one).to_bytes(_LENGTH_BYTES, "little"), one)
    )


def _split(name: str, count: int, data: bytes) -> NDArray[np.object_]:
    found: list[bytes] = []
    start = 0
    while start < len(data):
        first = start + _LENGTH_BYTES
        end = first + int.from_bytes(data[start:first], "little")
        if end > len(data) or first > len(data):
            raise MalformedTensorError(f"`{shown(name)}` ends within an element")
        found.append(data[first:end])
        start = end
    if len(found) != count:
        raise MalformedTensorError(
            f"`{shown(name)}` declares {count} elements, and {len(found)} came"
        )
    array = np.empty(count, np.object_)
    array[:] = found
    return array
