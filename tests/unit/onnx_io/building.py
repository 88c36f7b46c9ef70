"""Small models, and sources of weights that need no checkpoint."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import Reporter
from archc.graph.graph import Input
from archc.graph.weight import WeightSource
from archc.onnx_io.emitter import GraphEmitter
from archc.onnx_io.model import InitializerDef, ModelDef
from archc.onnx_io.session import Array, open_session, run
from archc.onnx_io.writer import WriteResult, write_model
from archc.shapes.size import Size
from archc.shapes.tensor_type import Axis, DType, TensorType

NOWHERE = Place(Span(Source("net.yaml", "name: net\n"), 1, 1, 1, 5))


@dataclass(frozen=True)
class ArraySource:
    """A weight that is an array, given in chunks of some bytes."""

    array: npt.NDArray[np.float32]
    chunk_bytes: int = 64

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> str:
        return str(self.array.dtype)

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        data = self.array.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
        for start in range(0, len(data), self.chunk_bytes):
            yield memoryview(data)[start : start + self.chunk_bytes]


@dataclass(frozen=True)
class EndlessSource:
    """A weight that says it is huge, and raises, or breaks off, when it is read."""

    shape: tuple[int, ...]
    error: BaseException | None = None
    given_bytes: int = 0
    dtype: str = "float32"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        assert dtype == self.dtype
        yield bytes(self.given_bytes)
        if self.error is not None:
            raise self.error


def image_input(
    name: str = "image",
    sizes: tuple[Size, Size, Size] = (3, 8, 8),
    *,
    dtype: DType = DType.FLOAT32,
    nhwc: bool = False,
) -> Input:
    inner = DType.FLOAT32 if dtype is DType.UINT8 else dtype
    return Input(name, TensorType.image(inner, *sizes), dtype, nhwc, NOWHERE)


def vector_type(dtype: DType, *sizes: Size) -> TensorType:
    return TensorType(dtype, tuple(Axis("", size) for size in sizes))


def emitter_of(*inputs: Input, opset: int = 17) -> GraphEmitter:
    return GraphEmitter(opset=opset, domains={}, inputs=inputs)


def weight(name: str, *dims: int, dtype: DType = DType.FLOAT32, seed: int = 0) -> InitializerDef:
    array = np.random.default_rng(seed).standard_normal(dims).astype(np.float32)
    return InitializerDef(name, dtype, dims, ArraySource(array))


def conv_model(
    *, metadata: Mapping[str, str] | None = None, c_out: int = 4, opset: int = 17
) -> ModelDef:
    """A 3 × 3 convolution with bias and a relu over (N, 3, 8, 8)."""
    emitter = emitter_of(image_input(), opset=opset)
    weights = {
        "weight": weight("stem.conv.weight", c_out, 3, 3, 3, seed=1),
        "bias": weight("stem.conv.bias", c_out, seed=2),
    }
    emitter.enter("stem.conv", weights=weights)
    inputs = [emitter.input(0), emitter.weight("weight"), emitter.weight("bias")]
    x = emitter.leave(emitter.node("Conv", inputs, pads=[1, 1, 1, 1]))
    emitter.enter("stem.relu")
    x = emitter.leave(emitter.node("Relu", [x]))
    given = TensorType.image(DType.FLOAT32, c_out, 8, 8)
    return emitter.finish("net", [("output", x, given)], metadata)


def with_source(model: ModelDef, source: WeightSource) -> ModelDef:
    """The model with one further weight, which no node uses."""
    extra = InitializerDef("extra", DType.FLOAT32, source.shape, source)
    return ModelDef(
        model.name,
        model.nodes,
        model.inputs,
        model.outputs,
        (*model.initializers, extra),
        model.opset,
        model.metadata,
    )


def written(model: ModelDef, digest_key: str | None = None) -> bytes:
    """The bytes of the model as a single file."""
    stream = io.BytesIO()
    result = write_model(model, stream, reporter=Reporter(), place=NOWHERE, digest_key=digest_key)
    assert isinstance(result, WriteResult)
    assert result.bytes_written == len(stream.getvalue())
    return stream.getvalue()


def answers(model: ModelDef, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """What ONNX Runtime makes of it."""
    return run(open_session(written(model)), feeds)


def image(*dims: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(dims).astype(np.float32)


def node_names(model: ModelDef) -> Sequence[str]:
    return [node.name for node in model.nodes]
