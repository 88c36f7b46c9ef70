"""Kernels as int8 with a scale an output channel, and biases as int32 of the same scale.

w ≈ q · scale with q from −127 to 127, so that scale = max |w| / 127 for each output; a bias has the
scale of its input times that of its kernel, as ONNX's integer convolutions want it. What rounding
moves an output by on average is taken off its bias. Sources: Nagel et al., Data-Free Quantization
through Weight Equalization and Bias Correction, 2019, section 4.2; ONNX `QLinearConv` (opset 10).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from archc.graph.weight import WeightSource
from archc.onnx_io.model import InitializerDef
from archc.quantization.ranges import Numbers, Scale
from archc.quantization.rounding_up import rounded_together
from archc.quantization.units import Unit
from archc.weights.conversion import whole

_LIMIT = 127
_BIAS_LIMIT = 2**31 - 1


class RoundedKernel(NamedTuple):
    """A kernel and a bias in integers.

    Attributes:
        scales: one for each output, float32.
        kernel: the source of the int8 kernel.
        bias: the int32 bias, little-endian; None where there is none, and nothing to correct.
    """

    scales: NDArray[np.float32]
    kernel: RoundedSource | HeldSource
    bias: bytes | None


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
        """The elements in C order; memory follows the chunks of the kernel."""
        assert dtype == self.dtype
        for at, rows in _rows(self.source, self.shape):
            levels = _nearest(rows, self.scales[at : at + len(rows), None]).astype(np.int8)
            yield levels.reshape(-1).view(np.uint8).data


class HeldSource(NamedTuple):
    """The source of a small int8 kernel that is at hand."""

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


class _Rounded(NamedTuple):
    """An int8 kernel, and what rounding adds to each output where inputs are at their means."""

    source: RoundedSource | HeldSource
    moved: Numbers


@final
class Kernels:
    """Rounds the kernels of a model, each of them once for the same scales.

    Args:
        means: the mean of each channel of values that kernels take; none leaves biases as they are.
        covariances: how what small kernels see varies together, by the kernel's output; without,
            weights are rounded to the nearest level.
    """

    def __init__(
        self,
        means: Mapping[str, Numbers] | None = None,
        covariances: Mapping[str, Numbers] | None = None,
    ) -> None:
        self._means = means or {}
        self._covariances = covariances or {}
        self._largest: dict[str, Numbers] = {}
        self._rounded: dict[tuple[str, bytes], _Rounded] = {}

    def rounded(
        self, unit: Unit, kernel: InitializerDef, bias: InitializerDef | None, scale: Scale
    ) -> RoundedKernel:
        """A kernel [out, in/groups, …] and its bias [out] in integers.

        Args:
            unit: the operator.
            kernel: its float32 initializer.
            bias: that of the bias, if there is one.
            scale: the scale of what it takes.
        """
        shift = np.zeros(kernel.dims[0])
        if bias is not None:
            shift = _array(bias.source, bias.dims).reshape(-1).astype(np.float64)
        scales = _scales(self._largest_of(kernel), shift, scale)
        means = self._means_of(unit, kernel)
        key = unit.node.outputs[0], scales.tobytes()
        if key not in self._rounded:
            covariance = self._covariances.get(unit.node.outputs[0])
            self._rounded[key] = _rounded(kernel, scales, means, covariance)
        found = self._rounded[key]
        if bias is None and means is None:
            return RoundedKernel(scales, found.source, None)
        levels = np.rint((shift - found.moved) / (scale.scale * scales.astype(np.float64)))
        whole_bias = np.clip(levels, -_BIAS_LIMIT, _BIAS_LIMIT).astype("<i4")
        return RoundedKernel(scales, found.source, whole_bias.tobytes())

    def _means_of(self, unit: Unit, kernel: InitializerDef) -> Numbers | None:
        """The means [groups, in/groups] of what a kernel takes, where they are known."""
        means = self._means.get(unit.inputs[0])
        if means is None or len(means) != kernel.dims[1] * unit.groups:
            return None
        by_group: Numbers = means.reshape(unit.groups, -1)
        return by_group

    def _largest_of(self, kernel: InitializerDef) -> Numbers:
        """The largest absolute weight of each output."""
        if kernel.name not in self._largest:
            found = [np.abs(rows).max(axis=1) for _, rows in _rows(kernel.source, kernel.dims)]
            self._largest[kernel.name] = np.concatenate(found).astype(np.float64)
        return self._largest[kernel.name]


def _scales(largest: Numbers, shift: Numbers, scale: Scale) -> NDArray[np.float32]:
    """The scale of each output, for its largest weight and its bias."""
    least = np.abs(shift) / scale.scale / _BIAS_LIMIT  # else the bias would not fit
    scales = np.maximum(largest / _LIMIT, np.maximum(least, np.finfo(np.float32).tiny))
    return np.where(largest > 0, scales, np.maximum(least, 1.0)).astype(np.float32)


def _rounded(
    kernel: InitializerDef,
    scales: NDArray[np.float32],
    means: Numbers | None,
    covariance: Numbers | None,
) -> _Rounded:
    source: RoundedSource | HeldSource = RoundedSource(kernel.source, kernel.dims, scales)
    together: NDArray[np.float32] | None = None
    if covariance is not None:
        weights = _array(kernel.source, kernel.dims).reshape(len(scales), -1).astype(np.float64)
        together = rounded_together(weights, scales.astype(np.float64), covariance, _LIMIT)
        source = HeldSource(together.astype(np.int8).tobytes(), kernel.dims)
    moved = np.zeros(len(scales))
    if means is None:
        return _Rounded(source, moved)
    positions = math.prod(kernel.dims[2:])
    group = np.arange(len(scales)) // (len(scales) // len(means))
    for at, rows in _rows(kernel.source, kernel.dims):
        here = slice(at, at + len(rows))
        along = scales[here, None]
        levels = _nearest(rows, along) if together is None else together[here]
        error = (levels * along - rows).reshape(len(rows), -1, positions)
        by_channel = error[..., 0] if positions == 1 else error.sum(axis=2, dtype=np.float64)
        moved[here] = np.einsum("oc,oc->o", by_channel, means[group[here]])
    return _Rounded(source, moved)


def _nearest(rows: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest levels of weights [some, d] with a scale for each row."""
    levels: NDArray[np.float32] = np.clip(np.rint(rows / scales), -_LIMIT, _LIMIT)
    return levels


def _rows(
    source: WeightSource | bytes, dims: tuple[int, ...]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The weights of some outputs [some, in/groups · …] at a time, with the first one's number."""
    count = math.prod(dims[1:])
    at, left = 0, bytearray()
    for chunk in [source] if isinstance(source, bytes) else source.chunks("float32"):
        left += chunk
        ready = len(left) // (4 * count)
        if ready:
            rows = np.frombuffer(bytes(left[: 4 * count * ready]), "<f4").reshape(ready, count)
            del left[: 4 * count * ready]
            yield at, rows
            at += ready


def _array(source: WeightSource | bytes, dims: tuple[int, ...]) -> NDArray[np.float32]:
    if isinstance(source, bytes):
        return np.frombuffer(source, "<f4").reshape(dims)
    return whole(source, "float32").reshape(dims).view(np.float32)
