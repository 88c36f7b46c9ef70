"""Sources of weights that are another source's elements in other places, or a part of them.

Each holds one tensor in memory at most, and gives it in blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from archc.graph.weight import WeightSource
from archc.weights.feature_order import FeatureOrder

BYTES: Mapping[str, int] = {"float32": 4, "float16": 2}
"""Bytes of an element that is written."""


class Reordered(NamedTuple):
    """An axis of a weight along which Keras has the features in another order."""

    axis: int
    order: FeatureOrder


class Rearranged(NamedTuple):
    """The source of a weight whose elements lie in another order where they are stored.

    Attributes:
        source: where they lie.
        sizes: the stored sizes, axes of size 1 as the order wants them.
        order: the stored axes in the order in which they become ours.
        shape: our sizes, which may join axes that stand side by side.
        reordered: axes of ours along which features are put into our order.
    """

    source: WeightSource
    sizes: tuple[int, ...]
    order: tuple[int, ...]
    shape: tuple[int, ...]
    reordered: tuple[Reordered, ...] = ()

    @property
    def dtype(self) -> str:
        """The stored element type."""
        return self.source.dtype

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in our order; memory follows the tensor, which is read as a whole."""
        from archc.weights.conversion import in_our_order, whole

        array = whole(self.source, dtype)
        yield from in_our_order(array, self.sizes, self.order, self.shape, self.reordered)


class FirstOf(NamedTuple):
    """The source of the first elements of another along one axis."""

    source: WeightSource
    axis: int
    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes, the one along the axis as counted."""
        return with_size(self.source.shape, self.axis, self.size)

    @property
    def dtype(self) -> str:
        """The stored element type."""
        return self.source.dtype

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order; along the first axis, what comes after them is not read."""
        if self.axis:
            from archc.weights.conversion import blocks, whole

            array = whole(self.source, dtype)
            yield from blocks(array[(slice(None),) * self.axis + (slice(self.size),)], dtype)
            return
        left = math.prod(self.shape) * BYTES[dtype]
        for chunk in self.source.chunks(dtype):
            part = memoryview(chunk)[:left]
            left -= part.nbytes
            yield part
            if not left:
                return


class Summed(NamedTuple):
    """The source of the sums of another's elements along one axis, whose size becomes 1."""

    source: WeightSource
    axis: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes, 1 along the axis."""
        return with_size(self.source.shape, self.axis, 1)

    @property
    def dtype(self) -> str:
        """The stored element type."""
        return self.source.dtype

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The sums, added up in float32."""
        from archc.weights.conversion import blocks, summed, whole

        yield from blocks(summed(whole(self.source, "float32"), self.axis), dtype)


class Repeated(NamedTuple):
    """The source of another's elements again and again along one axis, scaled.

    Of n stored and m wanted, element i is that of i modulo n times n / m: for an input whose
    channels are equal, the sum over them stays what it was.
    """

    source: WeightSource
    axis: int
    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes, the one along the axis as counted."""
        return with_size(self.source.shape, self.axis, self.size)

    @property
    def dtype(self) -> str:
        """The stored element type."""
        return self.source.dtype

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements, scaled in float32."""
        from archc.weights.conversion import blocks, repeated, whole

        yield from blocks(repeated(whole(self.source, "float32"), self.axis, self.size), dtype)


def with_size(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    """The shape with another size along one axis.

    >>> with_size((64, 3, 7, 7), 1, 1)
    (64, 1, 7, 7)
    """
    return (*shape[:axis], size, *shape[axis + 1 :])
