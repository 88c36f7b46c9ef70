"""Kernels as int8 with a scale an output channel, and biases as int32 of the same scale.

w ≈ q · scale with q from −127 to 127, so that scale = max |w| / 127 for each output; a bias has the
scale of its input times that of its kernel, as ONNX's integer convolutions want it. What rounding
moves an output by on average is taken off its bias. Sources: Nagel et al., Data-Free Quantization
through Weight Equalization and Bias Correction, 2019, section 4.2; ONNX `QLinearConv` (opset 10).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archc.graph.weight import WeightSource
from archc.onnx_io.model import InitializerDef
from archc.quantization.ranges import Numbers, Scale
from archc.quantization.rounding_up import rounded_together
from archc.weights.conversion import whole

_LIMIT = 127
_BIAS_LIMIT = 2**31 - 1


class RoundedKernel(NamedTuple):
    """A kernel and a bias in integers.

    Attributes:
        scales: one for each output, float32.
        kernel: the source of the int8 kernel.
        bias: the int32 bias, little-endian.
        noise: the mean squared error of the kernel over its mean square.
    """

    scales: NDArray[np.float32]
    kernel: RoundedSource | Levels
    bias: bytes
    noise: float


class RoundedSource(NamedTuple):
    """The source of an int8 kernel, read and rounded again when it is written."""

    source: WeightSource | bytes
    shape: tuple[int, ...]
    scales: NDArray[np.float32]

    @property
    def dtype(self) -> str:
        """Eight bits with a sign."""
        return "int8"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order; memory follows the kernel."""
        assert dtype == self.dtype
        levels = _levels(_array(self.source, self.shape), self.scales).astype(np.int8)
        yield levels.reshape(-1).view(np.uint8).data


class Levels(NamedTuple):
    """The source of a small int8 kernel whose levels are at hand."""

    data: bytes
    shape: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """Eight bits with a sign."""
        return "int8"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order."""
        assert dtype == self.dtype
        yield self.data


def rounded_kernel(
    kernel: InitializerDef,
    bias: InitializerDef | None,
    scale: Scale,
    groups: int,
    means: Numbers | None,
    covariance: Numbers | None = None,
) -> RoundedKernel:
    """A kernel [out, in/groups, …] and its bias [out] in integers.

    Args:
        kernel: its float32 initializer.
        bias: that of the bias, if there is one.
        scale: the scale of what it takes.
        groups: the parts into which its channels fall.
        means: the mean of each input channel, for the correction of the bias.
        covariance: that of the numbers that an output is a sum over, for the choice of levels.
    """
    numbers = _array(kernel.source, kernel.dims)
    shift = np.zeros(len(numbers))
    if bias is not None:
        shift = _array(bias.source, bias.dims).reshape(-1).astype(np.float64)
    largest = np.abs(numbers).reshape(len(numbers), -1).max(axis=1).astype(np.float64)
    least = np.abs(shift) / scale.scale / _BIAS_LIMIT  # else the bias would not fit
    scales = np.maximum(largest / _LIMIT, np.maximum(least, np.finfo(np.float32).tiny))
    scales = np.where(largest > 0, scales, np.maximum(least, 1.0)).astype(np.float32)
    source: RoundedSource | Levels = RoundedSource(kernel.source, kernel.dims, scales)
    levels = _levels(numbers, scales)
    if covariance is not None:
        flat = numbers.reshape(len(numbers), -1).astype(np.float64)
        levels = rounded_together(flat, scales.astype(np.float64), covariance, _LIMIT)
        levels = levels.reshape(kernel.dims)
        source = Levels(levels.astype(np.int8).tobytes(), kernel.dims)
    along = scales.reshape(-1, *[1] * (numbers.ndim - 1))
    error = levels * along - numbers
    if means is not None:
        shift = shift - _moved(error, means, groups)
    units = scale.scale * scales.astype(np.float64)
    whole_bias = np.clip(np.rint(shift / units), -_BIAS_LIMIT, _BIAS_LIMIT).astype("<i4")
    power = float((numbers.astype(np.float64) ** 2).mean()) or 1.0
    noise = float((error.astype(np.float64) ** 2).mean()) / power
    return RoundedKernel(scales, source, whole_bias.tobytes(), noise)


def _levels(numbers: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    along = scales.reshape(-1, *[1] * (numbers.ndim - 1))
    levels: NDArray[np.float32] = np.clip(np.rint(numbers / along), -_LIMIT, _LIMIT)
    return levels


def _moved(error: NDArray[np.float32], means: Numbers, groups: int) -> Numbers:
    """What an error of the kernel adds to each output, where inputs are at their means."""
    by_channel = error.reshape(*error.shape[:2], -1).sum(axis=2, dtype=np.float64)
    out = len(by_channel) // groups
    wanted = means.reshape(groups, -1)[np.arange(len(by_channel)) // out]
    moved: Numbers = (by_channel * wanted).sum(axis=1)
    return moved


def _array(source: WeightSource | bytes, dims: tuple[int, ...]) -> NDArray[np.float32]:
    if isinstance(source, bytes):
        return np.frombuffer(source, "<f4").reshape(dims)
    return whole(source, "float32").reshape(dims).view(np.float32)
