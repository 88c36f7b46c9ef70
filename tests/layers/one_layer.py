"""Builds models of one layer, or a few, through the real emitter, and runs them.

`infer_layer` gives the type and what was reported; `run_layer` also lowers the layer, checks the
model strictly, runs it in ONNX Runtime, and asserts that all three agree on the output's shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.emitter import Tensor
from archc.graph.graph import Input
from archc.graph.layer import Check, Layer
from archc.onnx_io.emitter import GraphEmitter
from archc.onnx_io.encode import encode_model
from archc.onnx_io.model import InitializerDef
from archc.shapes import domain
from archc.shapes.domain import Always, Bound, Domain, Domains
from archc.shapes.size import Size, evaluate, symbol
from archc.shapes.tensor_type import Axis, DType, TensorType

Array = npt.NDArray[np.generic]
"""What goes into a model and comes out of it."""

DTYPES = {"float32": DType.FLOAT32, "float16": DType.FLOAT16, "int64": DType.INT64}
NOWHERE = Place(Span(Source("test.yaml", ""), 1, 1, 1, 1))


@dataclass(frozen=True)
class Reported:
    """An error that a layer reported."""

    rule: str
    message: str
    at: str | None
    branch: int | None
    helps: tuple[str, ...]


@dataclass
class RecordingCheck(Check):
    """Keeps what a layer reports and demands; `least` holds the largest bound of each symbol."""

    admitted: Domains = field(default_factory=dict)
    errors: list[Reported] = field(default_factory=list)
    least: dict[str, int] = field(default_factory=dict)

    @property
    @override
    def domains(self) -> Domains:
        return self.admitted

    @property
    def rules(self) -> list[str]:
        """The slugs of the rules reported, in order."""
        return [error.rule for error in self.errors]

    @override
    def error(
        self,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        label: str = "",
        branch_labels: Mapping[int, str] = {},
        axis: int | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed:
        self.errors.append(Reported(rule.slug, message, at, branch, tuple(helps)))
        return FAILED

    @override
    def holds(self, size: Size, least: int) -> bool:
        if isinstance(size, int):
            return size >= least
        bound = domain.lower_bound(size, least, self.admitted)
        if isinstance(bound, Bound):
            self.least[bound.symbol] = max(self.least.get(bound.symbol, 1), bound.least)
        return isinstance(bound, Bound)

    @override
    def at_least(
        self,
        size: Size,
        least: int,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed | None:
        if self.holds(size, least):
            return None
        return self.error(rule, message, at=at, helps=helps)

    @override
    def divisible(
        self, size: Size, by: int, rule: Rule, message: str, *, at: str | None = None
    ) -> Failed | None:
        verdict = domain.divisible(size, by, self.admitted)
        return None if isinstance(verdict, Always) else self.error(rule, message, at=at)

    @override
    def equal(
        self,
        a: Size,
        b: Size,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        branch_labels: Mapping[int, str] = {},
        axis: int | None = None,
        helps: Iterable[str] = (),
        also: Sequence[tuple[Size, Size]] = (),
    ) -> Failed | None:
        verdict = domain.equal(a, b, self.admitted)
        if isinstance(verdict, Always):
            return None
        return self.error(rule, message, at=at, branch=branch, branch_labels=branch_labels)


@dataclass(frozen=True)
class Ran:
    """What came of a layer that ran.

    Attributes:
        output: what ONNX Runtime gave.
        type: the type that was inferred.
        weights: the weights it ran with, by their short names.
        ops: the operators of the model, in order.
    """

    output: npt.NDArray[np.float64]
    type: TensorType
    weights: dict[str, npt.NDArray[np.float64]]
    ops: list[str]


@dataclass(frozen=True)
class Value:
    """A value of a model that is built: its tensor and its type."""

    tensor: Tensor
    type: TensorType


class Model:
    """A model of a few layers: `add` them, then `run`."""

    def __init__(
        self, types: Sequence[TensorType], *, opset: int = 17, domains: Domains | None = None
    ) -> None:
        self.check = RecordingCheck(domains or {})
        inputs = [Input(f"x{i}", t, t.dtype, False, NOWHERE) for i, t in enumerate(types)]
        self.emitter = GraphEmitter(opset=opset, domains=self.check.domains, inputs=inputs)
        self.inputs = [Value(self.emitter.input(i), t) for i, t in enumerate(types)]
        self.last: Value | None = None

    def add(
        self,
        layer: Layer,
        inputs: Sequence[Value],
        *,
        path: str = "layer",
        weights: Mapping[str, Array] | None = None,
        wanted_sides: frozenset[str] = frozenset(),
        side_source: str | None = None,
    ) -> Value:
        """Infers and lowers a layer."""
        types = tuple(value.type for value in inputs)
        output = layer.infer(types, self.check)
        assert not self.check.errors, self.check.errors
        assert isinstance(output, TensorType)
        definitions = {
            name: InitializerDef(f"{path}.{name}", DTYPES[str(w.dtype)], w.shape, w.tobytes())
            for name, w in (weights or {}).items()
        }
        self.emitter.enter(
            path, weights=definitions, wanted_sides=wanted_sides, side_source=side_source
        )
        tensors = [value.tensor for value in inputs]
        result = self.emitter.leave(layer.lower(self.emitter, tensors, types, output))
        self.last = Value(result, output)
        return self.last

    def run(self, *arrays: Array) -> tuple[npt.NDArray[np.float64], list[str]]:
        """What the last layer gives, after a strict check, and the operators of the model."""
        assert self.last is not None
        proto = self.proto()
        _check_strictly(proto, self.last.type)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = ort.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        feeds = {f"x{i}": array for i, array in enumerate(arrays)}
        wanted = {i.name for i in proto.graph.input}
        (result,) = session.run(None, {k: v for k, v in feeds.items() if k in wanted})
        return result, [node.op_type for node in proto.graph.node]

    def proto(self) -> onnx.ModelProto:
        """The model as onnx reads it."""
        assert self.last is not None
        model = self.emitter.finish("test", [("y", self.last.tensor, self.last.type)])
        pieces = encode_model(model, {})
        assert all(isinstance(piece, bytes) for piece in pieces)
        return onnx.load_from_string(b"".join(p for p in pieces if isinstance(p, bytes)))


def _check_strictly(proto: onnx.ModelProto, expected: TensorType) -> None:
    """Asserts that onnx accepts the model, and infers the expected sizes where it knows them."""
    onnx.checker.check_model(proto, full_check=True)
    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    bare.graph.output[0].type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True)
    given = inferred.graph.output[0].type.tensor_type
    if not given.HasField("shape"):
        return
    assert len(given.shape.dim) == expected.rank
    for dim, size in zip(given.shape.dim[1:], expected.sizes, strict=True):
        if dim.HasField("dim_value") and isinstance(size, int):
            assert dim.dim_value == size


def type_of(array: Array, *, symbolic: bool = False, names: Sequence[str] = ()) -> TensorType:
    """The type of an array: an image for four axes, a vector for two, else axes of these names.

    With `symbolic`, height and width are the symbols H and W.
    """
    sizes: list[Size] = list(array.shape[1:])
    names = names or {1: ["features"], 3: ["channels", "height", "width"]}[len(sizes)]
    if symbolic:
        letters = {"height": "H", "width": "W"}
        sizes = [
            symbol(letters[name]) if name in letters else size
            for name, size in zip(names, sizes, strict=True)
        ]
    axes = (Axis(name, size) for name, size in zip(names, sizes, strict=True))
    return TensorType(DTYPES[str(array.dtype)], tuple(axes))


def infer_layer(
    layer: Layer, *types: TensorType, domains: Domains | None = None
) -> tuple[TensorType | Failed, RecordingCheck]:
    """What a layer makes of these types, and what it reports."""
    check = RecordingCheck(domains or {})
    return layer.infer(types, check), check


def draw_weights(
    layer: Layer, types: tuple[TensorType, ...], seed: int = 0
) -> dict[str, npt.NDArray[np.float64]]:
    """Random weights for a layer, in the element type of its input; variances are positive."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(types[0].dtype.value)
    drawn: dict[str, npt.NDArray[np.float64]] = {}
    for weight in layer.weights(types):
        values = rng.normal(size=weight.shape)
        if weight.name == "running_var":
            values = np.abs(values) + 0.5
        drawn[weight.name] = values.astype(dtype)
    return drawn


def run_layer(
    layer: Layer,
    *arrays: Array,
    symbolic: bool = False,
    opset: int = 17,
    weights: Mapping[str, Array] | None = None,
    types: Sequence[TensorType] | None = None,
    where: Mapping[str, Domain] | None = None,
) -> Ran:
    """Lowers a layer and runs it on these arrays.

    Args:
        layer: the layer.
        arrays: its inputs, each (N, …).
        symbolic: whether height and width of the inputs are the symbols H and W.
        opset: the version of ONNX to write.
        weights: its weights by their short names; drawn at random where left out.
        types: the types of the inputs, where they do not follow from the arrays.
        where: the admitted values of the symbols.
    """
    own = tuple(types or (type_of(array, symbolic=symbolic) for array in arrays))
    used = weights if weights is not None else draw_weights(layer, own)
    model = Model(own, opset=opset, domains=where)
    value = model.add(layer, model.inputs, weights=used)
    output, ops = model.run(*arrays)
    sizes = _symbol_values(own, arrays)
    assert output.shape[1:] == tuple(evaluate(size, sizes) for size in value.type.sizes)
    assert output.dtype == np.dtype(value.type.dtype.value)
    return Ran(output, value.type, {name: np.asarray(w) for name, w in used.items()}, ops)


def _symbol_values(types: Sequence[TensorType], arrays: Sequence[Array]) -> dict[str, int]:
    values: dict[str, int] = {}
    for own, array in zip(types, arrays, strict=True):
        for size, actual in zip(own.sizes, array.shape[1:], strict=True):
            if not isinstance(size, int):
                values.setdefault(str(size), actual)
    return values
