"""Models that have weights in common: each weight is read and written once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from archc.onnx_io.model import InitializerDef, ModelDef, NodeDef, ValueDef
from archc.quantization.emit import Rounding, emit
from archc.quantization.quantize import quantize
from archc.quantization.ranges import between
from archc.quantization.rounded_kernel import Kernels, RoundedSource
from archc.quantization.running import Runner
from archc.quantization.samples import Samples
from archc.quantization.units import units_of
from archc.shapes.tensor_type import DType

SIZES = 700, 900
"""A kernel that does not fit into one chunk, and whose rows do not end where chunks do."""


@dataclass
class Counted:
    """A source of a weight that counts how often it is read."""

    array: NDArray[np.float32]
    reads: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> str:
        return "float32"

    def chunks(self, dtype: str) -> Iterator[bytes]:
        self.reads.append(dtype)
        data = self.array.tobytes()
        for at in range(0, len(data), 1000):
            yield data[at : at + 1000]


def dense(source: Counted) -> ModelDef:
    """A dense layer without a bias."""
    return ModelDef(
        "net",
        (NodeDef("Gemm", "fc", ("x", "fc.weight"), ("output",), {"transB": 1}),),
        (ValueDef("x", DType.FLOAT32, ("N", SIZES[1])),),
        (ValueDef("output", DType.FLOAT32, ("N", SIZES[0])),),
        (InitializerDef("fc.weight", DType.FLOAT32, SIZES, source),),
        17,
    )


def drawn() -> tuple[Counted, tuple[dict[str, NDArray[np.float32]], ...]]:
    random = np.random.default_rng(0)
    samples = random.standard_normal((10, 1, SIZES[1])).astype(np.float32)
    source = Counted(random.standard_normal(SIZES).astype(np.float32))
    return source, tuple({"x": x} for x in samples)


def test_a_weight_is_read_once_whatever_is_tried() -> None:
    source, samples = drawn()
    made = quantize(dense(source), Samples(samples[:8], samples[8:]), least=1.0, has_costs=True)
    assert source.reads == ["float32"]
    assert len(made.tried) == 3
    (kernel,) = [i for i in made.model.initializers if i.name == "fc.weight"]
    assert isinstance(kernel.source, RoundedSource)
    # What is written in the end comes from the checkpoint again: the temporary files are gone.
    assert kernel.source.source is source
    levels = b"".join(bytes(chunk) for chunk in kernel.source.chunks("int8"))
    scales = np.abs(source.array).max(axis=1, keepdims=True) / np.float32(127)
    assert levels == np.rint(source.array / scales).astype(np.int8).tobytes()


def test_the_same_kernel_is_rounded_once_for_all_ranges() -> None:
    source, _ = drawn()
    model = dense(source)
    kernels = Kernels({"x": np.full(SIZES[1], 0.5)})
    made = [
        emit(model, Rounding(units_of(model), {"x": between(-most, most)}, kernels))
        for most in (1.0, 2.0)
    ]
    first, second = ({i.name: i.source for i in m.initializers} for m in made)
    assert first["fc.weight"] is second["fc.weight"]
    assert first["fc.bias"] != second["fc.bias"]


def test_values_within_are_given_too() -> None:
    source, samples = drawn()
    model = dense(source)
    nodes = (*model.nodes, NodeDef("Relu", "r", ("output",), ("last",)))
    ends = (replace(model.outputs[0], name="last"),)
    model = replace(model, nodes=nodes, outputs=ends)
    with Runner() as runner:
        stored = runner.stored(model)
        for sample, found in zip(samples, runner.answers(stored, samples, ["output"]), strict=True):
            exact = sample["x"] @ source.array.T
            assert np.allclose(found["output"].astype(np.float32), exact, rtol=1e-3, atol=1e-3)
            assert (found["last"] == np.maximum(found["output"], 0)).all()
        list(runner.answers(stored, samples[:1]))
    assert source.reads == ["float32"]
