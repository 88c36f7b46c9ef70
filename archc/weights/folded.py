"""Weights that take in what stands before or after their layer, as recipes for the writer.

`folding` computes them, in float64 and rounded once; nothing is read before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archc.graph.weight import WeightSource
from archc.weights.affine import Affine, Vector


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

        kernel = (self.source, self.sizes, self.groups)
        return scaled_outputs(*kernel, self.affine, dtype, is_transposed=self.is_transposed)


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

        return scaled_inputs(self.source, self.sizes, self.groups, self.affine, dtype)


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
        from archc.weights.folding import carried_bias, moved_bias

        if isinstance(self.change, ScaledInputs):
            before = self.change
            kernel = (before.source, before.sizes, before.groups)
            return carried_bias(self.bias, *kernel, before.affine, dtype)
        return moved_bias(self.bias, self.outputs, self.change, dtype)


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

        return combined(self.first, self.second, self.sizes, dtype, is_product=self.is_product)
