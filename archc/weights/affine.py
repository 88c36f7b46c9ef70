"""Factors and summands a channel: what a batch norm, a scale or a shift does at inference.

y = x · factor + summand. `folding` computes them, in float64.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from archc.graph.weight import WeightSource


class Vector(NamedTuple):
    """Some numbers.

    Attributes:
        source: where they are in a checkpoint, or their little-endian bytes.
        dtype: the element type of the bytes.
        name: that of a weight; fixed numbers have none.
    """

    source: WeightSource | bytes
    dtype: str
    name: str = ""


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
