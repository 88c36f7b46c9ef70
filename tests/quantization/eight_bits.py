"""Building small networks in eight bits, and looking at what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

import archc
from archc.pipeline.precision import Precision
from tests.packages.building import Built, draw_weights, write_checkpoint, write_spec

Arrays = dict[str, NDArray[Any]]


class Pair(NamedTuple):
    """A network in float, in eight bits, and what its inputs may be."""

    exact: Built
    small: Built
    samples: Arrays


def samples_for(spec: Path, count: int = 16, seed: int = 3) -> Arrays:
    """Inputs by name, smooth pictures rather than noise; bytes where bytes are taken."""
    random = np.random.default_rng(seed)
    found: Arrays = {}
    for entry in archc.elaborate(spec).inputs:
        sizes = [size if isinstance(size, int) else 16 for size in entry.type.sizes]
        coarse = [-(-size // 4) if at else size for at, size in enumerate(sizes)]
        numbers = random.standard_normal([count, *coarse])
        for axis in range(2, numbers.ndim):
            numbers = numbers.repeat(4, axis)
        numbers = numbers[(slice(None), *(slice(size) for size in sizes))]
        if entry.dtype.value == "uint8":
            numbers = np.clip(numbers * 60 + 128, 0, 255)
        if entry.nhwc:
            numbers = np.moveaxis(numbers, 1, -1)
        found[entry.name] = np.ascontiguousarray(numbers.astype(entry.dtype.value))
    return found


def both(folder: Path, text: str, *, count: int = 16, opset: int = 17, **wanted: Any) -> Pair:
    """A network with weights that are drawn, in float and in eight bits."""
    spec = write_spec(folder, text)
    shapes = {n: w.shape for n, (_, w) in archc.elaborate(spec).owned_weights().items()}
    weights = write_checkpoint(folder, draw_weights(shapes))
    samples = samples_for(spec, count)
    small = in_eight_bits(folder, spec, weights, samples, opset=opset, **wanted)
    return Pair(Built(archc.build_bytes(spec, weights=weights, opset=opset)), small, samples)


def in_eight_bits(
    folder: Path, spec: Path, weights: Path, samples: Mapping[str, NDArray[Any]],
    *, opset: int = 17, **wanted: Any,
) -> Built:  # fmt: skip
    """A network in eight bits, its ranges chosen from samples."""
    given = folder / "samples.npz"
    np.savez(given, **samples)  # type: ignore[arg-type]  # the second parameter is a bool
    precision = Precision("int8", given, **wanted)
    path = folder / "small.onnx"
    archc.build(spec, path, weights=weights, opset=opset, precision=precision)
    return Built(path.read_bytes())


def decibels(pair: Pair) -> float:
    """The signal to noise of all outputs over all samples."""
    exact, small = pair.exact.run(**pair.samples), pair.small.run(**pair.samples)
    signal = sum(float((array.astype(np.float64) ** 2).sum()) for array in exact.values())
    noise = sum(float(((exact[n] - small[n]).astype(np.float64) ** 2).sum()) for n in exact)
    return 10 * float(np.log10(signal / max(noise, 1e-30)))


def optimized(folder: Path, model: Built) -> Counter[str]:
    """The operators that ONNX Runtime makes of a model; its layouts for one machine apart."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.content, options, providers=["CPUExecutionProvider"])
    proto = onnx.load(folder / "optimized.onnx")
    return Counter(node.op_type for node in proto.graph.node)
