"""Stored elements to those of built models, by numpy, which a plain copy does without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from archc.diagnostics.errors import InternalError
from archc.graph.weight import WeightSource
from archc.weights.elements import ELEMENT_TYPES
from archc.weights.feature_order import FeatureOrder

Array = npt.NDArray[np.generic]

_TARGETS: Mapping[str, np.dtype[np.generic]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
}

_BLOCK = 1 << 20
"""Elements converted at once, 4 MiB of float32."""

_CHUNK_BYTES = 1 << 20
"""Bytes given at once."""

_COLUMNS = 256
"""Columns of a transposed array that are copied at once."""


def converted(array: Array, stored: str, target: str) -> memoryview:
    """The elements of an array in C order, as bytes of `target` (float32, float16 or as stored).

    The array holds stored elements as numpy sees them: bfloat16 as its bits in uint16. A value
    beyond the target's range becomes infinite, as in every framework.
    """
    if stored == target and target not in _TARGETS:
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    if stored == "bfloat16":
        array = (array.astype("<u4") << np.uint32(16)).view("<f4")
    elif stored == "bool":
        array = array != 0
    # Overflow gives infinity by intent, and signalling NaNs occur.
    with np.errstate(over="ignore", invalid="ignore"):
        result = _contiguous(array).astype(_TARGETS[target], order="C", copy=False)
    return result.reshape(-1).view(np.uint8).data


def _contiguous(array: Array) -> Array:
    """The array in C order. A transposed one is copied some columns at a time.

    Neighbours in a row of it lie far apart, and a processor's cache holds few such places at once.
    """
    if array.flags.c_contiguous or array.ndim < 2 or array.shape[-1] <= _COLUMNS:
        return np.ascontiguousarray(array)
    result = np.empty(array.shape, array.dtype)
    for at in range(0, array.shape[-1], _COLUMNS):
        result[..., at : at + _COLUMNS] = array[..., at : at + _COLUMNS]
    return result


def _taken(array: Array, places: npt.NDArray[np.intp], axis: int) -> Array:
    """The elements at some places along an axis, of a transposed array as fast as `_contiguous`."""
    if array.ndim < 2 or axis < array.ndim - 1:
        return array.take(places, axis)
    result = np.empty((*array.shape[:-1], len(places)), array.dtype)
    for at in range(0, len(places), _COLUMNS):
        part = places[at : at + _COLUMNS]
        result[..., at : at + _COLUMNS] = array[..., part]
    return result


def converted_bytes(data: bytes, stored: str, target: str) -> memoryview:
    """Stored bytes, contiguous, as bytes of `target` (float32 or float16)."""
    return converted(np.frombuffer(data, ELEMENT_TYPES[stored].code), stored, target)


def gathered(
    data: bytes,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    stored: str,
    target: str,
) -> Iterator[memoryview]:
    """The elements of a strided tensor in C order as bytes of `target`, in blocks.

    `data` is the stretch of storage from the first element to the last; strides are in elements.
    """
    kind = ELEMENT_TYPES[stored]
    view = np.lib.stride_tricks.as_strided(
        np.frombuffer(data, kind.code),
        shape,
        tuple(stride * kind.size_bytes for stride in strides),
        writeable=False,
    )
    yield from blocks(view, target, stored)


def blocks(array: Array, target: str, stored: str | None = None) -> Iterator[memoryview]:
    """The elements of an array in C order as bytes of `target`, a block of rows at a time.

    The rows of a transposed array lie side by side, so that many at once are copied much faster
    than one by one.

    Args:
        array: in any order of elements.
        target: float32 or float16.
        stored: the type of the elements, where numpy does not have it.
    """
    stored = stored or array.dtype.name
    if array.ndim == 0 or array.size <= _BLOCK:
        yield from _chunks(converted(array, stored, target))
        return
    row = array.size // len(array)
    if row > _BLOCK:
        for part in array:
            yield from blocks(part, target, stored)
        return
    step = _BLOCK // row
    for at in range(0, len(array), step):
        yield from _chunks(converted(array[at : at + step], stored, target))


def _chunks(data: memoryview) -> Iterator[memoryview]:
    return (data[at : at + _CHUNK_BYTES] for at in range(0, data.nbytes, _CHUNK_BYTES))


def whole(source: WeightSource, dtype: str) -> Array:
    """All elements of a source as an array of float32 or float16."""
    array = np.empty(source.shape, _TARGETS[dtype])
    data = array.reshape(-1).view(np.uint8).data
    at = 0
    for chunk in source.chunks(dtype):
        size = memoryview(chunk).nbytes
        data[at : at + size] = chunk
        at += size
    if at != data.nbytes:
        raise InternalError(f"a source of {data.nbytes} bytes has given {at}")
    return array


def in_our_order(
    array: Array,
    sizes: tuple[int, ...],
    order: tuple[int, ...],
    shape: tuple[int, ...],
    reordered: Sequence[tuple[int, FeatureOrder]],
) -> Iterator[memoryview]:
    """The elements of a weight of Keras as ours, in blocks; see `Rearranged`."""
    view = array.reshape(sizes).transpose(order).reshape(shape)
    places = {axis: our_places(features) for axis, features in reordered}
    first = places.pop(0, None)
    rows = max(1, _BLOCK // max(1, view.size // len(view)))
    for at in range(0, len(view), rows):
        block = view[at : at + rows] if first is None else view[first[at : at + rows]]
        for axis, indices in places.items():
            block = _taken(block, indices, axis)
        yield from blocks(block, array.dtype.name)


def our_places(order: FeatureOrder) -> npt.NDArray[np.intp]:
    """For each feature in our order, its place in that of Keras.

    >>> from archc.weights.feature_order import Part
    >>> our_places((Part((2, 1, 3), 0),)).tolist()
    [0, 2, 4, 1, 3, 5]
    """
    begin = 0
    found = []
    for part in order:
        sizes = [size for axis, size in enumerate(part.sizes) if axis != part.channels]
        channels = part.sizes[part.channels]
        places = np.arange(begin, begin + part.size).reshape(*sizes, channels)
        found.append(np.moveaxis(places, -1, part.channels).reshape(-1))
        begin += part.size
    return np.concatenate(found)


def summed(array: Array, axis: int) -> Array:
    """The sums along an axis, whose size becomes 1."""
    total: Array = np.add.reduce(array, axis=axis, keepdims=True)
    return total


def repeated(array: Array, axis: int, count: int) -> Array:
    """The elements along an axis again and again, `count` in all, times stored over wanted."""
    size = array.shape[axis]
    scale = np.float32(size / count)
    scaled: Array = np.multiply(array.take(np.arange(count) % size, axis), scale)
    return scaled
