"""The emitter gives models that ONNX accepts, with the names that the paths of layers give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archc.diagnostics.errors import InternalError
from archc.onnx_io.check import check_model
from archc.onnx_io.emitter import GraphEmitter
from archc.onnx_io.model import OPSETS, InitializerDef
from archc.shapes.domain import Domain
from archc.shapes.size import symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.unit.onnx_io.building import (
    answers,
    conv_model,
    emitter_of,
    image,
    image_input,
    node_names,
    vector_type,
    weight,
    written,
)


@pytest.mark.parametrize("opset", OPSETS)
def test_layers_in_every_opset_pass_the_checker_and_run(opset: int) -> None:
    model = conv_model(opset=opset)
    assert check_model(written(model))["output"] == ("N", 4, 8, 8)
    (result,) = answers(model, {"image": image(2, 3, 8, 8)}).values()
    assert result.shape == (2, 4, 8, 8)
    assert np.min(result.astype(np.float32)) >= 0


def test_nodes_values_and_weights_are_named_by_paths() -> None:
    model = conv_model()
    assert node_names(model) == ["stem.conv", "stem.relu"]
    assert model.nodes[0].inputs == ("image", "stem.conv.weight", "stem.conv.bias")
    assert model.nodes[0].outputs == ("stem.conv",)
    assert model.nodes[1].outputs == ("output",)
    assert [i.name for i in model.initializers] == ["stem.conv.weight", "stem.conv.bias"]


def test_auxiliary_nodes_are_named_below_the_path_and_the_last_is_the_path() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("up")
    pads = emitter.constant([0, 0, 1, 1, 0, 0, 1, 1], DType.INT64)
    x = emitter.node("Pad", [emitter.input(0), pads])
    x = emitter.node("Pad", [x, pads])
    emitter.leave(emitter.node("MaxPool", [x], kernel_shape=[3, 3]))
    emitter.enter("last")
    x = emitter.leave(emitter.node("Relu", [x]))
    model = emitter.finish("net", [("y", x, TensorType.image(DType.FLOAT32, 3, 12, 12))])
    assert node_names(model) == ["up/Pad", "up/Pad_1", "up", "last"]
    assert [i.name for i in model.initializers] == ["up/pads"]
    check_model(written(model))


def test_a_layer_named_as_an_output_of_another_gets_a_varied_value_name() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("y")
    x = emitter.leave(emitter.node("Relu", [emitter.input(0)]))
    emitter.enter("image")
    x = emitter.leave(emitter.node("Abs", [x]))
    emitter.enter("last")
    x = emitter.leave(emitter.node("Sqrt", [x]))
    model = emitter.finish("net", [("y", x, image_input().type)])
    assert node_names(model) == ["y", "image", "last"]
    assert [node.outputs for node in model.nodes] == [("y_1",), ("image_1",), ("y",)]
    check_model(written(model))


def test_an_output_that_is_an_input_or_another_output_is_an_identity() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("relu")
    x = emitter.leave(emitter.node("Relu", [emitter.input(0)]))
    outputs = [(name, x, image_input().type) for name in ("a", "b")]
    same = ("same", emitter.input(0), image_input().type)
    model = emitter.finish("net", [*outputs, same])
    assert [(n.op_type, n.name) for n in model.nodes] == [
        ("Relu", "relu"),
        ("Identity", "b"),
        ("Identity", "same"),
    ]
    check_model(written(model))
    given = image(1, 3, 8, 8)
    results = answers(model, {"image": given})
    np.testing.assert_array_equal(results["a"], np.maximum(given, 0))
    np.testing.assert_array_equal(results["b"], results["a"])
    np.testing.assert_array_equal(results["same"], given)


def test_an_output_may_be_used_by_a_later_layer() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("relu")
    x = emitter.leave(emitter.node("Relu", [emitter.input(0)]))
    emitter.enter("abs")
    y = emitter.leave(emitter.node("Neg", [x]))
    model = emitter.finish("net", [("y", y, image_input().type), ("x", x, image_input().type)])
    assert model.nodes[1].inputs == ("x",)
    results = answers(model, {"image": image(1, 3, 8, 8)})
    np.testing.assert_array_equal(results["y"], -results["x"])


def test_a_layer_that_does_nothing_writes_nothing() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("relu")
    x = emitter.leave(emitter.node("Relu", [emitter.input(0)]))
    emitter.enter("dropout")
    x = emitter.leave(x)
    model = emitter.finish("net", [("y", x, image_input().type)])
    assert node_names(model) == ["relu"]


def test_outputs_named_as_an_input_or_a_weight_are_refused() -> None:
    for name in ("image", "fc.weight"):
        emitter = emitter_of(image_input())
        emitter.enter("fc", weights={"weight": weight("fc.weight", 8, 8)})
        x = emitter.leave(emitter.node("MatMul", [emitter.input(0), emitter.weight("weight")]))
        with pytest.raises(InternalError, match="share a name"):
            emitter.finish("net", [(name, x, image_input().type)])


@pytest.mark.parametrize(
    ("dtype", "nhwc", "nodes"),
    [
        (DType.FLOAT32, True, ["image/Transpose"]),
        (DType.UINT8, False, ["image/Cast"]),
        (DType.UINT8, True, ["image/Transpose", "image/Cast"]),
    ],
)
def test_inputs_are_brought_to_floats_with_channels_first(
    dtype: DType, nhwc: bool, nodes: list[str]
) -> None:
    emitter = emitter_of(image_input(sizes=(3, symbol("H"), 5), dtype=dtype, nhwc=nhwc))
    emitter.enter("neg")
    x = emitter.leave(emitter.node("Neg", [emitter.input(0)]))
    kind = TensorType.image(DType.FLOAT32, 3, symbol("H"), 5)
    model = emitter.finish("net", [("y", x, kind)])
    assert node_names(model) == [*nodes, "neg"]
    assert model.inputs[0].dims == (("N", "H", 5, 3) if nhwc else ("N", 3, "H", 5))
    assert check_model(written(model))["y"] == ("N", 3, "H", 5)
    numbers = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    given = np.ascontiguousarray(numbers.transpose(0, 2, 3, 1) if nhwc else numbers)
    result = answers(model, {"image": given.astype(dtype.value)})["y"]
    np.testing.assert_array_equal(result, -numbers.astype(np.float32))


def test_weights_shared_by_layers_are_written_once() -> None:
    shared = {"weight": weight("fc.weight", 8, 8)}
    emitter = emitter_of(image_input())
    x = emitter.input(0)
    for path in ("fc", "again"):
        emitter.enter(path, weights=shared)
        x = emitter.leave(emitter.node("MatMul", [x, emitter.weight("weight")]))
    model = emitter.finish("net", [("y", x, image_input().type)])
    assert [i.name for i in model.initializers] == ["fc.weight"]
    matrix = shared["weight"].source
    given = image(1, 3, 8, 8)
    result = answers(model, {"image": given})["y"]
    assert not isinstance(matrix, bytes)
    w = np.frombuffer(b"".join(matrix.chunks("float32")), "<f4").reshape(8, 8)
    np.testing.assert_allclose(result, given @ w @ w, rtol=1e-4, atol=1e-4)


def test_a_weight_shared_by_two_element_types_is_written_in_both() -> None:
    inputs = (image_input("a"), image_input("b", dtype=DType.FLOAT16))
    emitter = emitter_of(*inputs)
    values = []
    for index, dtype in enumerate((DType.FLOAT32, DType.FLOAT16)):
        weights = {"weight": weight("fc.weight", 8, 8, dtype=dtype)}
        emitter.enter(f"fc{index}", weights=weights)
        x = emitter.node("MatMul", [emitter.input(index), emitter.weight("weight")])
        values.append(emitter.leave(x))
    outputs = [(f"y{n}", x, inputs[n].type) for n, x in enumerate(values)]
    model = emitter.finish("net", outputs)
    assert [(i.name, i.dtype) for i in model.initializers] == [
        ("fc.weight", DType.FLOAT32),
        ("fc.weight_1", DType.FLOAT16),
    ]
    check_model(written(model))


def test_unused_weights_are_not_written() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("relu", weights={"weight": weight("relu.weight", 3)})
    emitter.weight("weight")
    x = emitter.leave(emitter.node("Relu", [emitter.input(0)]))
    assert emitter.finish("net", [("y", x, image_input().type)]).initializers == ()


def test_constants_are_shared_within_a_layer_and_named_by_their_use() -> None:
    emitter = emitter_of(image_input())
    x = emitter.input(0)
    for path in ("one", "two"):
        emitter.enter(path)
        for _ in range(2):
            x = emitter.node("Unsqueeze", [x, emitter.constant([0], DType.INT64)])
            x = emitter.node("Squeeze", [x, emitter.constant([0], DType.INT64)])
        half, two = emitter.constant(0.5, DType.FLOAT32), emitter.constant(2, DType.FLOAT32)
        x = emitter.leave(emitter.node("Clip", [emitter.node("Mul", [x, half]), None, two]))
    model = emitter.finish("net", [("y", x, image_input().type)])
    names = [i.name for i in model.initializers]
    assert names == ["one/axes", "one/constant", "one/max", "two/axes", "two/constant", "two/max"]
    given = image(1, 3, 8, 8) * 8
    expected = np.minimum(np.minimum(given / 2, 2) / 2, 2)
    np.testing.assert_array_equal(answers(model, {"image": given})["y"], expected)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([[1, 2.5], [3, 4]], DType.FLOAT32, np.array([[1, 2.5], [3, 4]], np.float32)),
        ((-1, 1 << 40), DType.INT64, np.array([-1, 1 << 40])),
        ([0.5, 70000.0, -1e300], DType.FLOAT16, np.array([0.5, np.inf, -np.inf], np.float16)),
        ([1e39, -1.0], DType.FLOAT32, np.array([np.inf, -1.0], np.float32)),
        ([[], []], DType.FLOAT32, np.zeros((2, 0), np.float32)),
        (7, DType.UINT8, np.array(7, np.uint8)),
    ],
)
def test_constants_hold_their_values(values: object, dtype: DType, expected: Any) -> None:
    emitter = emitter_of(image_input())
    emitter.enter("constant")
    x = emitter.leave(emitter.node("Identity", [emitter.constant(values, dtype)]))
    model = emitter.finish("net", [("y", x, vector_type(dtype, 1))])
    (constant,) = model.initializers
    assert constant.dims == expected.shape
    assert constant.source == expected.tobytes()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([[1, 2], [3]], DType.FLOAT32),
        ([[1], 2], DType.FLOAT32),
        (["a"], DType.FLOAT32),
        (None, DType.FLOAT32),
        ([1.5], DType.INT64),
        ([300], DType.UINT8),
    ],
)
def test_constants_that_do_not_fit_are_refused(values: object, dtype: DType) -> None:
    emitter = emitter_of(image_input())
    emitter.enter("constant")
    with pytest.raises(InternalError, match="a constant"):
        emitter.constant(values, dtype)


def test_attributes_are_told_by_their_python_types() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("pool")
    x = emitter.node(
        "AveragePool",
        [emitter.input(0)],
        kernel_shape=(2, 2),
        strides=None,
        auto_pad="SAME_UPPER",
        count_include_pad=1,
    )
    x = emitter.leave(emitter.node("LeakyRelu", [x], alpha=0.5))
    model = emitter.finish("net", [("y", x, image_input().type)])
    assert "strides" not in model.nodes[0].attributes
    assert check_model(written(model))["y"] == ("N", 3, 8, 8)


def test_layers_are_told_the_opset_and_the_domains() -> None:
    domains = {"H": Domain(least=8)}
    emitter = GraphEmitter(opset=18, domains=domains, inputs=[image_input()])
    assert emitter.opset == 18
    assert emitter.domains == domains


def test_an_input_that_is_left_out_in_the_middle_stays_empty() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("resize")
    scales = emitter.constant([1.0, 1.0, 2.0, 2.0], DType.FLOAT32)
    x = emitter.leave(emitter.node("Resize", [emitter.input(0), None, scales, None]))
    model = emitter.finish("net", [("y", x, TensorType.image(DType.FLOAT32, 3, 16, 16))])
    assert model.nodes[0].inputs == ("image", "", "resize/scales")
    assert check_model(written(model))["y"] == ("N", 3, 16, 16)


def test_side_outputs_reach_the_layer_that_asks_for_them() -> None:
    emitter = emitter_of(image_input())
    emitter.enter("pool", wanted_sides=frozenset({"indices"}))
    assert emitter.wanted_sides == {"indices"}
    values, indices = emitter.nodes(
        "MaxPool", [emitter.input(0)], 2, kernel_shape=[2, 2], strides=[2, 2]
    )
    emitter.side_output("indices", indices)
    x = emitter.leave(values)
    emitter.enter("other")
    assert emitter.side_of("indices") is None
    assert emitter.wanted_sides == frozenset()
    x = emitter.leave(emitter.node("Neg", [x]))
    emitter.enter("unpool", side_source="pool")
    found = emitter.side_of("indices")
    assert found is not None
    options = {"kernel_shape": [2, 2], "strides": [2, 2]}
    x = emitter.leave(emitter.node("MaxUnpool", [x, found], **options))
    model = emitter.finish("net", [("y", x, image_input().type)])
    assert model.nodes[0].outputs == ("pool", "pool/output_1")
    assert model.nodes[2].inputs == ("other", "pool/output_1")
    check_model(written(model))


def test_layers_are_left_before_others_are_entered() -> None:
    emitter = emitter_of(image_input())
    with pytest.raises(InternalError, match="outside"):
        emitter.node("Relu", [emitter.input(0)])
    emitter.enter("a")
    with pytest.raises(InternalError, match="`a`"):
        emitter.enter("b")
    with pytest.raises(InternalError, match="no weight `bias`"):
        emitter.weight("bias")


def test_definitions_know_their_lengths() -> None:
    assert InitializerDef("w", DType.FLOAT16, (3, 4), bytes(24)).length_bytes == 24
    assert conv_model().weights_bytes == 4 * (4 * 27 + 4)
