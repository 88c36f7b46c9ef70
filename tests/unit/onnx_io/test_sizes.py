"""Sizes that are computed in the graph are what their forms evaluate to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.errors import InternalError
from archc.graph.graph import Input
from archc.onnx_io.check import check_model
from archc.onnx_io.emitter import GraphEmitter
from archc.onnx_io.model import ModelDef
from archc.onnx_io.session import Array, open_session, run
from archc.shapes.size import (
    Size,
    add,
    evaluate,
    floor_div,
    product,
    scale,
    subtract,
    symbol,
)
from archc.shapes.tensor_type import DType
from tests.unit.onnx_io.building import emitter_of, image_input, vector_type, written

H, W = symbol("H"), symbol("W")


def _forms() -> st.SearchStrategy[Size]:
    """Forms as layers make them, and others with parts that are negative."""
    leaves = st.one_of(st.just(H), st.just(W), st.integers(-9, 9))

    def grow(inner: st.SearchStrategy[Size]) -> st.SearchStrategy[Size]:
        return st.one_of(
            st.builds(add, inner, inner),
            st.builds(subtract, inner, inner),
            st.builds(scale, inner, st.integers(-4, 4)),
            st.builds(floor_div, inner, st.integers(1, 7)),
            st.builds(lambda a, b: product([a, b]), inner, inner),
        )

    return st.recursive(leaves, grow, max_leaves=6)


def _model(sizes: list[Size | None], *inputs: Input, opset: int = 17) -> ModelDef:
    emitter = emitter_of(*inputs, opset=opset)
    emitter.enter("sizes_of")
    x = emitter.leave(emitter.node("Identity", [emitter.shape(sizes)]))
    return emitter.finish("net", [("y", x, vector_type(DType.INT64))])


@given(
    sizes=st.lists(st.one_of(_forms(), st.none()), min_size=1, max_size=4),
    points=st.lists(st.tuples(*[st.integers(1, 40)] * 3), min_size=3, max_size=3),
    opset=st.sampled_from([13, 17, 21]),
)
def test_shapes_are_what_forms_evaluate_to(
    sizes: list[Size | None], points: list[tuple[int, int, int]], opset: int
) -> None:
    model = _model(sizes, image_input(sizes=(1, H, W)), opset=opset)
    session = open_session(written(model))
    for n, h, w in points:
        values = {"H": h, "W": w}
        result = run(session, {"image": np.zeros((n, 1, h, w), np.float32)})["y"]
        expected = [n if size is None else evaluate(size, values) for size in sizes]
        assert result.tolist() == expected


@pytest.mark.parametrize("divisor", [2, 3, 7])
def test_floors_of_what_may_be_negative_are_floors(divisor: int) -> None:
    form = floor_div(subtract(H, W), divisor)
    model = _model([form], image_input(sizes=(1, H, W)))
    session = open_session(written(model))
    for h, w in [(1, 9), (1, 8), (2, 8), (9, 1), (4, 4)]:
        result = run(session, {"image": np.zeros((1, 1, h, w), np.float32)})["y"]
        assert result.tolist() == [(h - w) // divisor]


def test_each_symbol_is_taken_from_the_input_that_has_it_as_it_is_fed() -> None:
    inputs = (
        image_input("a", (1, 8, H), dtype=DType.UINT8, nhwc=True),
        image_input("b", (2, H, W), nhwc=True),
    )
    model = _model([None, W, 5, 6, H], *inputs)
    feeds: dict[str, Array] = {
        "a": np.zeros((3, 8, 9, 1), np.uint8),
        "b": np.zeros((3, 9, 11, 2), np.float32),
    }
    assert run(open_session(written(model)), feeds)["y"].tolist() == [3, 11, 5, 6, 9]


def test_a_shape_that_is_known_is_a_constant() -> None:
    model = _model([3, 4], image_input(sizes=(1, H, W)))
    assert [node.op_type for node in model.nodes] == ["Identity"]
    (constant,) = model.initializers
    assert constant.source == np.array([3, 4]).tobytes()


def test_forms_are_written_once_for_all_layers() -> None:
    emitter = emitter_of(image_input(sizes=(1, H, W)))
    half = floor_div(add(H, 1), 2)
    x = emitter.input(0)
    for path in ("one", "two", "three"):
        emitter.enter(path)
        last: list[Size | None] = [None, 1, half, W] if path != "three" else [None, 1, W, half]
        x = emitter.leave(emitter.node("Expand", [x, emitter.shape(last)]))
    emitter.enter("four")
    emitter.leave(emitter.shape([add(half, 5)]))
    model = emitter.finish("net", [("y", x, image_input(sizes=(1, H, W)).type)])
    operators = [node.op_type for node in model.nodes]
    assert operators.count("Shape") == 3
    assert operators.count("Div") == 1
    assert operators.count("Concat") == 2


def test_size_nodes_are_named_by_what_they_compute() -> None:
    model = _model([None, 3, floor_div(add(H, 1), 2)], image_input(sizes=(1, H, W)))
    names = [node.name for node in model.nodes]
    assert names == [
        "sizes/N",
        "sizes/H",
        "sizes/H + 1",
        "sizes/floor((H + 1) / 2)",
        "sizes/(N, 3, floor((H + 1) / 2))",
        "sizes_of",
    ]


def test_reshape_to_a_computed_shape_is_inferred_and_runs() -> None:
    emitter = emitter_of(image_input(sizes=(4, H, W)))
    emitter.enter("reshape")
    target = emitter.shape([None, 4, product([H, W])])
    x = emitter.leave(emitter.node("Reshape", [emitter.input(0), target]))
    kind = vector_type(DType.FLOAT32, 4, product([H, W]))
    model = emitter.finish("net", [("y", x, kind)])
    assert model.outputs[0].dims == ("N", 4, "H*W")
    assert check_model(written(model))["y"][:2] == ("N", 4)
    session = open_session(written(model))
    (result,) = run(session, {"image": np.zeros((2, 4, 3, 5), np.float32)}).values()
    assert result.shape == (2, 4, 15)


def test_a_symbol_that_no_input_has_is_refused() -> None:
    emitter = GraphEmitter(opset=17, domains={}, inputs=[image_input()])
    emitter.enter("layer")
    with pytest.raises(InternalError, match="size H"):
        emitter.shape([None, H])
