"""What was folded into which kernel: enough to fold other weights in the same way.

A model records its steps in the order in which they were taken; `refolded` takes them again with
the weights of another checkpoint, which has every weight under its own name.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from archc.graph.weight import WeightSource
from archc.weights.affine import Affine, FixedAffine, NormAffine, Vector
from archc.weights.folded import MovedBias, ScaledInputs, ScaledOutputs

Numbers: TypeAlias = str | tuple[float, ...]
"""The name of a weight, or fixed numbers; one number stands for as many as are needed."""

Kind: TypeAlias = Literal["norm", "product", "sum"]


class FoldStep(NamedTuple):
    """A norm, a product or a sum that a kernel has taken in.

    Attributes:
        into: the layer of the kernel.
        layer: the layer that was taken in.
        kernel: the name of the kernel.
        bias: the name of the bias.
        has_bias: whether there was one before.
        is_before: whether the layer stands before the kernel.
        kind: what it does to each channel.
        numbers: of a norm its weight, bias, mean and variance; else those of the product or sum.
        channels: those of the layer.
        epsilon: what a norm adds to the variance.
        groups: those of the kernel.
        is_transposed: whether the kernel has its inputs first.
    """

    into: str
    layer: str
    kernel: str
    bias: str
    has_bias: bool
    is_before: bool
    kind: Kind
    numbers: tuple[Numbers, ...]
    channels: int
    epsilon: float = 0.0
    groups: int = 1
    is_transposed: bool = False

    @property
    def vectors(self) -> tuple[str, ...]:
        """The names of the weights among its numbers, each of as many elements as channels."""
        return tuple(name for name in self.numbers if isinstance(name, str))


def are_of(steps: Sequence[FoldStep], dims: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the steps can have been taken with the kernels and biases of a model.

    Args:
        steps: as a model records them.
        dims: the sizes of its weights.
    """
    return all(_is_of(step, dims) for step in steps)


def _is_of(step: FoldStep, dims: Mapping[str, tuple[int, ...]]) -> bool:
    kernel = dims.get(step.kernel, ())
    if len(kernel) < 2 or step.groups < 1 or kernel[0] % step.groups:
        return False
    if step.is_transposed:
        inputs, outputs = kernel[0], kernel[1] * step.groups
    else:
        inputs, outputs = kernel[1] * step.groups, kernel[0]
    fixed = [len(numbers) for numbers in step.numbers if not isinstance(numbers, str)]
    return (
        dims.get(step.bias) == (outputs,)
        and step.channels == (inputs if step.is_before else outputs)
        and len(step.numbers) == (4 if step.kind == "norm" else 1)
        and {*fixed} <= {1, step.channels}
        and not (step.is_before and step.is_transposed)
    )


def wanted_by(
    steps: Sequence[FoldStep], dims: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The weights that the steps are taken with, and their sizes.

    Args:
        steps: in the order in which they were taken.
        dims: the sizes of the weights of the folded model.
    """
    wanted: dict[str, tuple[int, ...]] = {}
    given: set[str] = set()
    for step in steps:
        wanted[step.kernel] = dims[step.kernel]
        if step.has_bias and step.bias not in given:
            wanted[step.bias] = dims[step.bias]
        given.add(step.bias)
        wanted.update(dict.fromkeys(step.vectors, (step.channels,)))
    return wanted


def refolded(
    steps: Sequence[FoldStep],
    sources: Mapping[str, WeightSource],
    dims: Mapping[str, tuple[int, ...]],
) -> dict[str, WeightSource]:
    """The folded kernels and biases, by their names, for the weights of another checkpoint."""
    found: dict[str, WeightSource] = {}
    for step in steps:
        affine = _affine(step, sources)
        kernel = found.get(step.kernel, sources.get(step.kernel))
        bias = found.get(step.bias)
        if bias is None and step.has_bias:
            bias = sources[step.bias]
        assert kernel is not None  # `wanted_by` has asked for it
        sizes, old = dims[step.kernel], None if bias is None else Vector(bias, "float32")
        if step.is_before:
            scaled = ScaledInputs(sizes, kernel, affine, step.groups)
            found[step.bias] = MovedBias(dims[step.bias], old, scaled)
            found[step.kernel] = scaled
        else:
            found[step.bias] = MovedBias(dims[step.bias], old, affine)
            found[step.kernel] = ScaledOutputs(
                sizes, kernel, affine, step.groups, step.is_transposed
            )
    return found


def _affine(step: FoldStep, sources: Mapping[str, WeightSource]) -> Affine:
    vectors = [_vector(numbers, sources) for numbers in step.numbers]
    if step.kind == "norm":
        weight, bias, mean, variance = vectors
        return NormAffine(weight, bias, mean, variance, step.epsilon, step.channels)
    (numbers,) = vectors
    if step.kind == "product":
        return FixedAffine(numbers, None, step.channels)
    return FixedAffine(None, numbers, step.channels)


def _vector(numbers: Numbers, sources: Mapping[str, WeightSource]) -> Vector:
    if isinstance(numbers, str):
        return Vector(sources[numbers], "float32", numbers)
    return Vector(struct.pack(f"<{len(numbers)}f", *numbers), "float32")
