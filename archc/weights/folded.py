"""Weights that take in what stands before or after their layer, as recipes for the writer.

y = x · factor + summand, a pair a channel, is a batch norm at inference, a scale, a shift.
`folding` computes it, in float64 and rounded once; nothing is read before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from archc.graph.weight import WeightSource


class Vector(NamedTuple):
    """Some numbers, in a checkpoint or as little-endian bytes of the element type `dtype`."""

    source: WeightSource | bytes
    dtype: str


class NormAffine(NamedTuple):
    """What a batch norm does with its running statistics."""

    weight: Vector
    bias: Vector
    mean: Vector
    variance: Vector
    epsilon: float
    channels: int


class FixedAffine(NamedTuple):
    """A product with and a sum with numbers, one a channel or one for all."""

    factor: Vector | None
    summand: Vector | None
    channels: int


Affine: TypeAlias = NormAffine | FixedAffine


class ScaledOutputs(NamedTuple):
    """The source of a kernel whose outputs are multiplied.

    Attributes:
        source: the kernel.
        sizes: [out, in/groups, …], or transposed [in, out/groups, …].
        affine: a factor for each output.
        groups: those of a transposed kernel.
        is_transposed: whether inputs come first.
    """

    source: WeightSource | bytes
    sizes: tuple[int, ...]
    affine: Affine
    groups: int = 1
    is_transposed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.sizes

    @property
    def dtype(self) -> str:
        """What is computed is rounded to this."""
        return "float32"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order; memory follows a block of rows."""
        from archc.weights.folding import scaled_outputs

        return scaled_outputs(self, dtype)


class ScaledInputs(NamedTuple):
    """The source of a kernel [out, in/groups, …] whose inputs are multiplied by factors."""

    source: WeightSource | bytes
    sizes: tuple[int, ...]
    affine: Affine
    groups: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.sizes

    @property
    def dtype(self) -> str:
        """What is computed is rounded to this."""
        return "float32"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order; memory follows a block of rows."""
        from archc.weights.folding import scaled_inputs

        return scaled_inputs(self, dtype)


class MovedBias(NamedTuple):
    """The source of a bias [outputs] that takes in summands.

    Attributes:
        bias: the bias as it was; None stands for zeros.
        change: what comes after the layer, or the scaled kernel before which something stood.
        outputs: those of the layer.
    """

    bias: Vector | None
    change: Affine | ScaledInputs
    outputs: int

    @property
    def shape(self) -> tuple[int, ...]:
        """One number an output."""
        return (self.outputs,)

    @property
    def dtype(self) -> str:
        """What is computed is rounded to this."""
        return "float32"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements, all at once."""
        from archc.weights.folding import moved_bias

        return moved_bias(self, dtype)


class Combined(NamedTuple):
    """The source of the products or sums of two rows of numbers; one number goes with all.

    Attributes:
        first: a row of numbers, or one.
        second: a row of numbers, or one.
        sizes: those of the longer one.
        is_product: whether they are multiplied, else added.
    """

    first: Vector
    second: Vector
    sizes: tuple[int, ...]
    is_product: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the longer one."""
        return self.sizes

    @property
    def dtype(self) -> str:
        """What is computed is rounded to this."""
        return "float32"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements, all at once."""
        from archc.weights.folding import combined

        return combined(self, dtype)
