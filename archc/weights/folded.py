"""Weights that take in what stands before or after their layer, as recipes for the writer.

`folding` computes them, in float64 and rounded once; nothing is read before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archc.graph.weight import WeightSource
from archc.weights.affine import Affine, Vector


@dataclass(frozen=True, slots=True)
class _Computed:
    """A source that is computed when its elements are asked for.

    Attributes:
        shape: the sizes.
    """

    shape: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """What is computed is rounded to this."""
        return "float32"


@dataclass(frozen=True, slots=True)
class ScaledOutputs(_Computed):
    """A kernel [out, in/groups, …], or transposed [in, out/groups, …], with multiplied outputs.

    Attributes:
        source: the kernel.
        affine: a factor for each output.
        groups: those of a transposed kernel.
        is_transposed: whether inputs come first.
    """

    source: WeightSource | bytes
    affine: Affine
    groups: int = 1
    is_transposed: bool = False

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order; memory follows a block of rows."""
        from archc.weights.folding import scaled_outputs

        kernel = (self.source, self.shape, self.groups)
        return scaled_outputs(*kernel, self.affine, dtype, is_transposed=self.is_transposed)


@dataclass(frozen=True, slots=True)
class ScaledInputs(_Computed):
    """A kernel [out, in/groups, …] whose inputs are multiplied.

    Attributes:
        source: the kernel.
        affine: a factor and a summand for each input.
        groups: those of the kernel.
    """

    source: WeightSource | bytes
    affine: Affine
    groups: int = 1

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order; memory follows a block of rows."""
        from archc.weights.folding import scaled_inputs

        return scaled_inputs(self.source, self.shape, self.groups, self.affine, dtype)


@dataclass(frozen=True, slots=True)
class MovedBias(_Computed):
    """A bias [out] that takes in summands.

    Attributes:
        bias: the bias as it was; None stands for zeros.
        change: what comes after the layer, or the scaled kernel before which something stood.
    """

    bias: Vector | None
    change: Affine | ScaledInputs

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements, all at once."""
        from archc.weights.folding import carried_bias, moved_bias

        if isinstance(self.change, ScaledInputs):
            before = self.change
            kernel = (before.source, before.shape, before.groups)
            return carried_bias(self.bias, *kernel, before.affine, dtype)
        return moved_bias(self.bias, self.shape[0], self.change, dtype)
