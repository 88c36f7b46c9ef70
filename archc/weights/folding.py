"""What folded weights are: kernels and biases with factors and summands taken in, in float64.

For a batch norm, factor = weight / sqrt(variance + epsilon), summand = bias − mean · factor
(Ioffe and Szegedy, Batch Normalization, 2015, algorithm 2; ONNX `BatchNormalization`). After a
layer, kernel · factor and bias · factor + summand; before it, kernel · factor of its inputs, and
the sum of kernel · summand on top of the bias.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from archc.graph.weight import WeightSource
from archc.weights.affine import Affine, NormAffine, Vector
from archc.weights.conversion import blocks, whole

Numbers: TypeAlias = npt.NDArray[np.float64]
Source: TypeAlias = WeightSource | bytes
Sizes: TypeAlias = tuple[int, ...]

_BLOCK_BYTES = 1 << 20
"""Bytes of float32 that are computed at once."""


def scaled_outputs(
    source: Source, sizes: Sizes, groups: int, affine: Affine, dtype: str, *, is_transposed: bool
) -> Iterator[memoryview]:
    """The elements of a kernel whose outputs are multiplied, in blocks of rows."""
    factors, _ = _pair(affine)
    for first, rows in _rows(source, sizes):
        along = factors[first : first + len(rows), None]
        if is_transposed:
            along = _along(sizes, groups, factors, first, len(rows), sizes[0] // groups)
        yield from blocks(rows * along, dtype)


def scaled_inputs(
    source: Source, sizes: Sizes, groups: int, affine: Affine, dtype: str
) -> Iterator[memoryview]:
    """The elements of a kernel whose inputs are multiplied, in blocks of rows."""
    factors, _ = _pair(affine)
    for first, rows in _rows(source, sizes):
        along = _along(sizes, groups, factors, first, len(rows), sizes[0] // groups)
        yield from blocks(rows * along, dtype)


def moved_bias(
    bias: Vector | None, outputs: int, affine: Affine, dtype: str
) -> Iterator[memoryview]:
    """The elements of a bias, or of none, that is multiplied and added to."""
    factors, summands = _pair(affine)
    old = np.zeros(outputs) if bias is None else _numbers(bias)
    return blocks(old * factors + summands, dtype)


def carried_bias(
    bias: Vector | None, source: Source, sizes: Sizes, groups: int, affine: Affine, dtype: str
) -> Iterator[memoryview]:
    """The elements of a bias that takes in summands before its kernel."""
    _, summands = _pair(affine)
    found = np.zeros(sizes[0]) if bias is None else _numbers(bias)
    for first, rows in _rows(source, sizes):
        along = _along(sizes, groups, summands, first, len(rows), sizes[0] // groups)
        found[first : first + len(rows)] += (rows * along).sum(axis=1)
    return blocks(found, dtype)


def combined(
    first: Vector, second: Vector, sizes: Sizes, dtype: str, *, is_product: bool
) -> Iterator[memoryview]:
    """Products or sums of two rows of numbers."""
    a, b = _numbers(first), _numbers(second)
    return blocks(np.broadcast_to(a * b if is_product else a + b, math.prod(sizes)), dtype)


def _pair(affine: Affine) -> tuple[Numbers, Numbers]:
    """The factors [channels] and the summands [channels]."""
    if isinstance(affine, NormAffine):
        factors = _numbers(affine.weight) / np.sqrt(_numbers(affine.variance) + affine.epsilon)
        return factors, _numbers(affine.bias) - _numbers(affine.mean) * factors
    factors = np.ones(1) if affine.factor is None else _numbers(affine.factor)
    summands = np.zeros(1) if affine.summand is None else _numbers(affine.summand)
    return np.broadcast_to(factors, affine.channels), np.broadcast_to(summands, affine.channels)


def _numbers(vector: Vector) -> Numbers:
    if isinstance(vector.source, bytes):
        return np.frombuffer(vector.source, np.dtype(vector.dtype)).astype(np.float64)
    return whole(vector.source, "float32").astype(np.float64).reshape(-1)


def _along(
    sizes: Sizes, groups: int, numbers: Numbers, first: int, count: int, rows: int
) -> Numbers:
    """For some rows, `rows` to a group, the numbers of their group's channels at each element."""
    group = np.arange(first, first + count) // rows
    return numbers.reshape(groups, sizes[1])[group].repeat(math.prod(sizes[2:]), axis=1)


def _rows(source: Source, sizes: Sizes) -> Iterator[tuple[int, Numbers]]:
    """The elements in float64 as whole rows [count, row], each block with its first row."""
    row_bytes = 4 * math.prod(sizes[1:])
    block_bytes = max(1, _BLOCK_BYTES // row_bytes) * row_bytes
    first, left = 0, bytearray()
    for chunk in [source] if isinstance(source, bytes) else source.chunks("float32"):
        left += chunk
        while len(left) >= block_bytes:
            yield first, _block(left[:block_bytes], row_bytes)
            first += block_bytes // row_bytes
            del left[:block_bytes]
    if left:
        yield first, _block(left, row_bytes)


def _block(data: bytearray, row_bytes: int) -> Numbers:
    return np.frombuffer(data, "<f4").reshape(-1, row_bytes // 4).astype(np.float64)
