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
from archc.weights.conversion import blocks, whole
from archc.weights.folded import (
    Affine,
    Combined,
    MovedBias,
    NormAffine,
    ScaledInputs,
    ScaledOutputs,
    Vector,
)

Numbers: TypeAlias = npt.NDArray[np.float64]

_BLOCK_BYTES = 1 << 20
"""Bytes of float32 that are computed at once."""


def scaled_outputs(kernel: ScaledOutputs, dtype: str) -> Iterator[memoryview]:
    """The elements of a kernel whose outputs are multiplied, in blocks of rows."""
    factors, _ = _pair(kernel.affine)
    for first, rows in _rows(kernel.source, kernel.sizes):
        if kernel.is_transposed:
            along = _by_group(kernel, factors, first, len(rows), kernel.sizes[0] // kernel.groups)
        else:
            along = factors[first : first + len(rows), None]
        yield from blocks(rows * along, dtype)


def scaled_inputs(kernel: ScaledInputs, dtype: str) -> Iterator[memoryview]:
    """The elements of a kernel whose inputs are multiplied, in blocks of rows."""
    factors, _ = _pair(kernel.affine)
    for first, rows in _rows(kernel.source, kernel.sizes):
        outputs = kernel.sizes[0] // kernel.groups
        yield from blocks(rows * _by_group(kernel, factors, first, len(rows), outputs), dtype)


def moved_bias(moved: MovedBias, dtype: str) -> Iterator[memoryview]:
    """The elements of a bias that takes in summands."""
    bias = np.zeros(moved.outputs) if moved.bias is None else _numbers(moved.bias)
    if isinstance(moved.change, ScaledInputs):
        found = bias + _carried(moved.change)
    else:
        factors, summands = _pair(moved.change)
        found = bias * factors + summands
    return blocks(found, dtype)


def combined(pair: Combined, dtype: str) -> Iterator[memoryview]:
    """Products or sums of two rows of numbers."""
    first, second = _numbers(pair.first), _numbers(pair.second)
    found = first * second if pair.is_product else first + second
    return blocks(np.broadcast_to(found, math.prod(pair.sizes)), dtype)


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


def _carried(kernel: ScaledInputs) -> Numbers:
    """What the summands before a kernel become after it, for each output."""
    _, summands = _pair(kernel.affine)
    found = np.empty(kernel.sizes[0])
    outputs = kernel.sizes[0] // kernel.groups
    for first, rows in _rows(kernel.source, kernel.sizes):
        along = _by_group(kernel, summands, first, len(rows), outputs)
        found[first : first + len(rows)] = (rows * along).sum(axis=1)
    return found


def _by_group(
    kernel: ScaledInputs | ScaledOutputs, numbers: Numbers, first: int, count: int, rows: int
) -> Numbers:
    """For some rows, `rows` to a group, the numbers of their group's channels at each element."""
    group = np.arange(first, first + count) // rows
    window = math.prod(kernel.sizes[2:])
    return numbers.reshape(kernel.groups, kernel.sizes[1])[group].repeat(window, axis=1)


def _rows(source: WeightSource | bytes, sizes: tuple[int, ...]) -> Iterator[tuple[int, Numbers]]:
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
