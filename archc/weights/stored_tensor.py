"""A tensor in a checkpoint file: where its elements lie, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from archc.weights.checkpoint_file import ReadAt
from archc.weights.elements import ELEMENT_TYPES

CHUNK_BYTES = 1 << 20
"""Stored bytes read at once."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A place in a file that a tensor's elements are read from, in steps of at most 1 MiB.

    Attributes:
        file: the open file.
        dtype: the stored element type, one that archc can convert.
        shape: the sizes.
        strides: elements from one index to the next, for each axis.
        begin: position in the file of the first element, in bytes.
    """

    file: ReadAt
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    begin: int

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        return self.strides == contiguous_strides(self.shape) or all(
            size <= 1 or stride == wanted
            for size, stride, wanted in zip(
                self.shape, self.strides, contiguous_strides(self.shape), strict=True
            )
        )

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order, as `dtype` (float32, float16 or as stored), little-endian.

        Memory follows the chunk, except for a tensor with gaps or in another order, which is
        gathered as a whole from the stretch of its storage that it covers.
        """
        if math.prod(self.shape) == 0:
            return
        if self.is_contiguous:
            yield from self._streamed(dtype)
        else:
            yield from self._gathered(dtype)

    def _streamed(self, dtype: str) -> Iterator[bytes | memoryview]:
        kind = ELEMENT_TYPES[self.dtype]
        end = self.begin + math.prod(self.shape) * kind.size_bytes
        for at in range(self.begin, end, CHUNK_BYTES):
            data = self.file.read(at, min(CHUNK_BYTES, end - at))
            yield data if self.dtype == dtype else _converted(data, self.dtype, dtype)

    def _gathered(self, dtype: str) -> Iterator[bytes | memoryview]:
        from archc.weights.conversion import gathered

        size_bytes = ELEMENT_TYPES[self.dtype].size_bytes
        data = self.file.read(self.begin, span_of(self.shape, self.strides) * size_bytes)
        yield from gathered(data, self.shape, self.strides, self.dtype, dtype)


def _converted(data: bytes, stored: str, target: str) -> memoryview:
    from archc.weights.conversion import converted_bytes

    return converted_bytes(data, stored, target)


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of an array of this shape in C order.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def span_of(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Elements of the storage from the first to the last element, gaps included; 0 if empty.

    >>> span_of((2, 3), (1, 2))
    6
    """
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
