"""What kernels see: how the numbers under a kernel vary together, over some samples.

For a convolution, the patches of its input that each output is a sum over; their covariance says
which errors of the kernel's weights cancel out. Kernels of few weights an output only: they have
the largest errors, as nothing averages them out, and the covariance is small. Source: Nagel et al.,
Up or Down? Adaptive Rounding for Post-Training Quantization, 2020, section 3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from archc.graph.emitter import Attribute
from archc.onnx_io.model import ModelDef
from archc.quantization.observe import Step, spread, values_on
from archc.quantization.ranges import Numbers
from archc.quantization.running import Runner, Sample
from archc.quantization.units import Unit

Covariances: TypeAlias = Mapping[str, Numbers]
"""For the output of a kernel, the covariance [groups, d, d] of the d numbers that it sums over."""

_MOST_WEIGHTS = 300
"""Weights an output up to which the covariance is taken."""

_MOST_SAMPLES = 16
"""Samples that it is taken of: each has many patches."""


def covariances(
    runner: Runner,
    model: ModelDef,
    units: Collection[Unit],
    samples: Sequence[Sample],
    step: Step | None = None,
) -> Covariances:
    """How what small kernels see varies together."""
    sizes = {i.name: i.dims for i in model.initializers}
    kernels = [(u, sizes[u.node.inputs[1]]) for u in units if u.kind == "kernel"]
    chosen = [(unit, dims, _Sums()) for unit, dims in kernels if _is_small(unit, dims)]
    if not chosen:
        return {}
    values = dict.fromkeys(unit.inputs[0] for unit, _, _ in chosen)
    few = spread(samples, _MOST_SAMPLES)
    for found in values_on(runner, model, values, few, "relating", step):
        for unit, dims, sums in chosen:
            sums.add(_patches(found[unit.inputs[0]], dims, unit))
        del found
    return {unit.node.outputs[0]: sums.covariance for unit, _, sums in chosen}


def _is_small(unit: Unit, dims: tuple[int, ...]) -> bool:
    is_plain = len(dims) == 4 and "auto_pad" not in unit.node.attributes
    return unit.node.op_type == "Conv" and is_plain and int(np.prod(dims[1:])) <= _MOST_WEIGHTS


class _Sums:
    def __init__(self) -> None:
        self._count = 0
        self._first: Numbers = np.zeros(())
        self._second: Numbers = np.zeros(())

    def add(self, patches: NDArray[np.float32]) -> None:
        self._count += patches.shape[2]
        self._first = self._first + patches.sum(axis=2, dtype=np.float64)
        self._second = self._second + patches @ patches.transpose(0, 2, 1)

    @property
    def covariance(self) -> Numbers:
        """The covariance [groups, d, d]."""
        mean = self._first / self._count
        found: Numbers = self._second / self._count - mean[:, :, None] * mean[:, None, :]
        return found


def _patches(value: NDArray[np.generic], dims: tuple[int, ...], unit: Unit) -> NDArray[np.float32]:
    """The patches [groups, d, count] of an input (1, C, H, W) under a kernel [out, …, k_h, k_w]."""
    attributes = unit.node.attributes
    top, left, bottom, right = _integers(attributes, "pads", (0, 0, 0, 0))
    down, along = _integers(attributes, "strides", (1, 1))
    tall, wide = _integers(attributes, "dilations", (1, 1))
    padded = np.pad(value[0].astype(np.float32), ((0, 0), (top, bottom), (left, right)))
    reach = (dims[2] - 1) * tall + 1, (dims[3] - 1) * wide + 1
    windows = sliding_window_view(padded, reach, (1, 2))[:, ::down, ::along, ::tall, ::wide]
    channels, high, broad = windows.shape[:3]
    flat = windows.transpose(0, 3, 4, 1, 2).reshape(unit.groups, -1, high * broad)
    assert flat.shape[1] * unit.groups == channels * dims[2] * dims[3]
    return np.ascontiguousarray(flat)


def _integers(
    attributes: Mapping[str, Attribute], name: str, otherwise: tuple[int, ...]
) -> tuple[int, ...]:
    found = attributes.get(name, otherwise)
    assert not isinstance(found, int | float | str)
    return tuple(map(int, found))
