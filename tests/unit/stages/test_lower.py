"""Lowering walks a bound graph and asks its layers, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from typing_extensions import override

from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.graph import BoundGraph, Graph, Input, Node, Output
from archc.graph.layer import Check, Layer
from archc.graph.weight import Weight, WeightSource
from archc.onnx_io.check import check_model
from archc.onnx_io.model import ModelDef
from archc.shapes.tensor_type import DType, TensorType
from archc.stages.lower import lower
from tests.unit.onnx_io.building import (
    NOWHERE,
    ArraySource,
    answers,
    image,
    image_input,
    node_names,
    written,
)

TYPE = TensorType.image(DType.FLOAT32, 3, 8, 8)
HALVED = TensorType.image(DType.FLOAT32, 3, 4, 4)


class _Same(Layer):
    """A layer that keeps its type."""

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        return inputs[0]

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node("Neg", tensors)


class Times(_Same):
    op = "times"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node("Mul", [tensors[0], emit.weight("weight")])


class Halve(_Same):
    op = "halve"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        sizes = {"kernel_shape": [2, 2], "strides": [2, 2]}
        if not emit.wanted_sides:
            return emit.node("MaxPool", tensors, **sizes)
        values, where = emit.nodes("MaxPool", tensors, 2, **sizes)
        emit.side_output("where", where)
        return values


class PutBack(_Same):
    op = "put_back"
    path_argument: ClassVar[str | None] = "of"
    path_side: ClassVar[str | None] = "where"
    of: str

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        sizes = {"kernel_shape": [2, 2], "strides": [2, 2]}
        return emit.node("MaxUnpool", [tensors[0], emit.side_of("where")], **sizes)


class Negate(_Same):
    op = "negate"


def _node(
    name: str,
    layer: Layer,
    inputs: tuple[int, ...],
    *,
    types: tuple[TensorType, TensorType] = (TYPE, TYPE),
    weights: tuple[Weight, ...] = (),
    owner: str | None = None,
) -> Node:
    taken = (types[0],) * len(inputs)
    return Node(name, layer, inputs, taken, types[1], weights, owner or name, NOWHERE)


def _lowered(
    nodes: Sequence[Node],
    outputs: dict[str, int],
    inputs: Sequence[Input] = (image_input(),),
    sources: dict[str, WeightSource] | None = None,
) -> ModelDef:
    found = tuple(Output(name, value, NOWHERE) for name, value in outputs.items())
    graph = Graph("net", None, {}, tuple(inputs), tuple(nodes), found, (), {}, {})
    bound = BoundGraph(graph, sources or {}, is_trained=False)
    model = lower(bound, opset=17, metadata={"k": "v"})
    check_model(written(model))
    return model


def test_shared_weights_are_found_under_their_owner() -> None:
    weights = (Weight("weight", (3, 1, 1), "ones"),)
    nodes = [
        _node("body.0", Times(), (0,), weights=weights),
        _node("body.1", Times(), (1,), weights=weights, owner="body.0"),
    ]
    array = np.array([1, 2, 3], np.float32).reshape(3, 1, 1)
    model = _lowered(nodes, {"y": 2}, sources={"body.0.weight": ArraySource(array)})
    assert node_names(model) == ["body.0", "body.1"]
    assert [i.name for i in model.initializers] == ["body.0.weight"]
    assert (model.name, model.opset, dict(model.metadata)) == ("net", 17, {"k": "v"})
    given = image(1, 3, 8, 8)
    np.testing.assert_allclose(answers(model, {"image": given})["y"], given * array**2, rtol=1e-6)


def test_weights_have_the_element_type_of_what_they_meet() -> None:
    half = image_input(dtype=DType.FLOAT16)
    nodes = [
        _node(
            "times",
            Times(),
            (0,),
            types=(half.type, half.type),
            weights=(Weight("weight", (1,), "ones"),),
        )
    ]
    source = ArraySource(np.array([2], np.float32))
    model = _lowered(nodes, {"y": 1}, [half], {"times.weight": source})
    assert model.initializers[0].dtype is DType.FLOAT16
    assert model.outputs[0].dtype is DType.FLOAT16
    given = image(1, 3, 8, 8).astype(np.float16)
    np.testing.assert_array_equal(answers(model, {"image": given})["y"], given * np.float16(2))


def test_a_side_output_is_made_only_where_a_layer_asks_for_it() -> None:
    nodes = [
        _node("first", Halve(), (0,), types=(TYPE, HALVED)),
        _node("again", Halve(), (0,), types=(TYPE, HALVED)),
        _node("negated", Negate(), (1,), types=(HALVED, HALVED)),
        _node("back", PutBack(of="first"), (3, 1), types=(HALVED, TYPE)),
    ]
    model = _lowered(nodes, {"y": 4, "z": 2})
    outputs = {node.name: len(node.outputs) for node in model.nodes}
    assert outputs == {"first": 2, "again": 1, "negated": 1, "back": 1}
    given = np.arange(3 * 64, dtype=np.float32).reshape(1, 3, 8, 8)
    result = answers(model, {"image": given})["y"]
    expected = np.zeros_like(given)
    expected[..., 1::2, 1::2] = -given[..., 1::2, 1::2]
    np.testing.assert_array_equal(result, expected)


def test_layers_that_no_output_needs_are_left_out() -> None:
    nodes = [
        _node("kept", Negate(), (0,)),
        _node("left", Negate(), (1,)),
        _node("out", Negate(), (2,)),
        _node("last", Negate(), (1,)),
    ]
    model = _lowered(nodes, {"y": 4, "same": 0})
    assert node_names(model) == ["kept", "last", "same"]


def test_inputs_are_all_declared_and_taken_in_order() -> None:
    inputs = [image_input("a", dtype=DType.UINT8, nhwc=True), image_input("b")]
    nodes = [_node("negated", Negate(), (0,)), _node("other", Negate(), (1,))]
    model = _lowered(nodes, {"y": 2, "z": 3}, inputs)
    assert [value.name for value in model.inputs] == ["a", "b"]
    assert [value.dims for value in model.inputs] == [("N", 8, 8, 3), ("N", 3, 8, 8)]
    a = np.full((1, 8, 8, 3), 7, np.uint8)
    b = image(1, 3, 8, 8)
    assert node_names(model) == ["a/Transpose", "a/Cast", "negated", "other"]
    results = answers(model, {"a": a, "b": b})
    assert np.unique(results["y"]).tolist() == [-7]
    np.testing.assert_array_equal(results["z"], -b)


def test_an_input_that_no_output_needs_is_declared_and_nothing_else() -> None:
    inputs = [image_input("a", dtype=DType.UINT8), image_input("b")]
    model = _lowered([_node("negated", Negate(), (1,))], {"y": 2}, inputs)
    assert [value.name for value in model.inputs] == ["a", "b"]
    assert node_names(model) == ["negated"]
