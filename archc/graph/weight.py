"""Weights: what a layer declares, and the recipes that give their bytes when they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeAlias

Init: TypeAlias = str | float | int
"""A number, or a named distribution: `he_normal`, `glorot_uniform`, …, `zeros`, `ones`."""


class KerasForm(NamedTuple):
    """How Keras stores a weight: under which names, and the way from its axes to ours.

    Attributes:
        names: what the variable is called, by the versions of Keras.
        sizes: the stored sizes.
        order: the stored axes in the order in which they become ours; axes that belong to one of
            ours are joined then.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    order: tuple[int, ...]


class Weight(NamedTuple):
    """An array that a layer owns.

    Attributes:
        name: the last part of its full name, such as `weight` or `running_mean`.
        shape: its sizes, in the order that the layer's docstring gives.
        init: how it is drawn where no checkpoint gives it.
        fan_in: inputs that reach one output element, for `init`.
        fan_out: output elements that one input reaches, for `init`.
        learned: whether it counts as a parameter; running statistics do not.
        keras: how Keras stores it, where that differs by more than nothing.
        inputs_axis: the axis that goes along all channels or features of the input.
        outputs_axis: the axis that goes along those of the output, where they are new ones.
    """

    name: str
    shape: tuple[int, ...]
    init: Init
    fan_in: int = 1
    fan_out: int = 1
    learned: bool = True
    keras: KerasForm | None = None
    inputs_axis: int | None = None
    outputs_axis: int | None = None


def along_channels(
    name: str,
    keras_name: str,
    count: int,
    init: Init,
    *,
    learned: bool = True,
    is_bias: bool = False,
) -> Weight:
    """A weight [count]: one number a channel of the input, or of the output for a bias."""
    keras = KerasForm((keras_name,), (count,), (0,))
    axes = (None, 0) if is_bias else (0, None)
    return Weight(name, (count,), init, 1, 1, learned, keras, *axes)


class WeightSource(Protocol):
    """A place that an array's elements can be read from, one tensor at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the array as stored."""

    @property
    def dtype(self) -> str:
        """The stored element type: float32, float16, bfloat16, float64, int64, …."""

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order, as `dtype` (float32, float16 or as stored), little-endian.

        Memory follows the chunk, not the tensor, wherever the storage is contiguous. A chunk stays
        as it is when the next one is asked for.
        """
