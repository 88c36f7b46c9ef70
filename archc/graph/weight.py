"""Weights: what a layer declares, and the recipes that give their bytes when they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeAlias

Init: TypeAlias = str | float | int
"""A number, or a named distribution: `he_normal`, `glorot_uniform`, …, `zeros`, `ones`."""


class Weight(NamedTuple):
    """An array that a layer owns.

    Attributes:
        name: the last part of its full name, such as `weight` or `running_mean`.
        shape: its sizes, in the order that the layer's docstring gives.
        init: how it is drawn where no checkpoint gives it.
        fan_in: inputs that reach one output element, for `init`.
        fan_out: output elements that one input reaches, for `init`.
        learned: whether it counts as a parameter; running statistics do not.
    """

    name: str
    shape: tuple[int, ...]
    init: Init
    fan_in: int = 1
    fan_out: int = 1
    learned: bool = True


class WeightSource(Protocol):
    """A place that an array's elements can be read from, one tensor at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the array as stored."""

    @property
    def dtype(self) -> str:
        """The stored element type: float32, float16, bfloat16, float64, int64, …."""

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order, converted to `dtype` (float32 or float16), little-endian.

        Memory follows the chunk, not the tensor, wherever the storage is contiguous.
        """
