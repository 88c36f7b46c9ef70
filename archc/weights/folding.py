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
Rows: TypeAlias = npt.NDArray[np.float32]
Source: TypeAlias = WeightSource | bytes
Sizes: TypeAlias = tuple[int, ...]


def scaled_outputs(
    source: Source, sizes: Sizes, groups: int, affine: Affine, dtype: str, *, is_transposed: bool
) -> Iterator[memoryview]:
    """The elements of a kernel whose outputs are multiplied, in blocks of rows."""
    factors, _ = _pair(affine)
    for first, rows in _rows(source, sizes):
        along = factors[first : first + len(rows), None]
        if is_transposed:
            along = _along(sizes, groups, factors, first, len(rows), sizes[0] // groups)
        yield from _scaled(rows, along, dtype)


def scaled_inputs(
    source: Source, sizes: Sizes, groups: int, affine: Affine, dtype: str
) -> Iterator[memoryview]:
    """The elements of a kernel whose inputs are multiplied, in blocks of rows."""
    factors, _ = _pair(affine)
    for first, rows in _rows(source, sizes):
        along = _along(sizes, groups, factors, first, len(rows), sizes[0] // groups)
        yield from _scaled(rows, along, dtype)


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


def _rows(source: Source, sizes: Sizes) -> Iterator[tuple[int, Rows]]:
    """The elements as whole rows [count, row], each block with the number of its first row."""
    row_bytes = 4 * math.prod(sizes[1:])
    first, left = 0, b""
    for chunk in [source] if isinstance(source, bytes) else source.chunks("float32"):
        data = left + bytes(chunk) if left else chunk
        length = memoryview(data).nbytes
        whole_bytes = length - length % row_bytes
        left = bytes(memoryview(data)[whole_bytes:])
        if whole_bytes:
            rows = np.frombuffer(data, "<f4", whole_bytes // 4).reshape(-1, row_bytes // 4)
            yield first, rows
            first += len(rows)


def _scaled(rows: Rows, along: Numbers, dtype: str) -> Iterator[memoryview]:
    """Products in float64, rounded once."""
    if dtype != "float32":
        return blocks(rows.astype(np.float64) * along, dtype)
    product = np.empty(rows.shape, "<f4")
    np.multiply(rows, along, out=product, dtype=np.float64, casting="same_kind")
    return iter([product.reshape(-1).view(np.uint8).data])
