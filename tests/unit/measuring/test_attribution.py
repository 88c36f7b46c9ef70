"""Operators of an optimized graph, and those of the file that they stand for."""

from __future__ import annotations

from archc.measuring.attribution import attribute
from archc.onnx_io.model import ModelDef, NodeDef


def graph(*rows: str) -> ModelDef:
    """Operators as `op name: inputs -> outputs`."""
    nodes: list[NodeDef] = []
    for row in rows:
        head, _, rest = row.partition(":")
        op, _, name = head.partition(" ")
        taken, _, given = rest.partition("->")
        nodes.append(NodeDef(op, name.strip(), tuple(taken.split()), tuple(given.split())))
    return ModelDef("g", tuple(nodes), (), (), (), 17)


RESIDUAL = graph(
    "Conv conv1+bn1: image w -> bn1",
    "Relu relu1: bn1 -> relu1",
    "Conv conv2+bn2: relu1 v -> bn2",
    "Add sum: bn2 image -> sum",
    "Relu relu: sum -> relu",
    "Gemm fc: relu u -> fc",
)
HEAVY = {"conv1+bn1", "conv2+bn2", "fc"}


def test_a_graph_that_runs_as_it_is_stands_for_itself() -> None:
    found = attribute(RESIDUAL, RESIDUAL, HEAVY)
    assert found.standing == {node.name: node.name for node in RESIDUAL.nodes}
    assert found.fused == {}


def test_endings_and_values_lead_back() -> None:
    running = graph(
        "Conv relu1_nchwc: image reorder -> reorder_token_0",
        "Conv bn2_nchwc: reorder_token_0 reorder_token_1 -> reorder_token_2",
        "ReorderOutput ReorderOutput_token_7: reorder_token_2 -> relu",
        "QGemm fc_token_12: relu u -> fc",
    )
    found = attribute(RESIDUAL, running, HEAVY)
    assert found.standing == {
        "relu1_nchwc": "relu1",
        "bn2_nchwc": "conv2+bn2",
        "ReorderOutput_token_7": "relu",
        "fc_token_12": "fc",
    }
    assert found.fused["conv1+bn1"] == "relu1"
    assert found.fused["sum"] in {"conv2+bn2", "relu"}


def test_what_is_computed_in_float32_in_place_of_float16_leads_back() -> None:
    running = graph(
        "Conv InsertedPrecisionFreeCast_relu1_nchwc: image reorder -> reorder_token_0",
        "Conv InsertedPrecisionFreeCast_bn2_nchwc: reorder_token_0 r -> reorder_token_2",
        "ReorderOutput R: reorder_token_2 -> InsertedPrecisionFreeCast_relu",
        "Gemm fc: InsertedPrecisionFreeCast_relu u -> InsertedPrecisionFreeCast_fc",
        "Cast InsertedCast_fc: InsertedPrecisionFreeCast_fc -> fc",
    )
    found = attribute(RESIDUAL, running, HEAVY)
    assert found.standing == {
        "InsertedPrecisionFreeCast_relu1_nchwc": "relu1",
        "InsertedPrecisionFreeCast_bn2_nchwc": "conv2+bn2",
        "R": "relu",
        "fc": "fc",
        "InsertedCast_fc": "fc",
    }


def test_what_is_fused_behind_belongs_to_what_came_before() -> None:
    running = graph(
        "Conv relu1_nchwc: image reorder -> a",
        "Conv bn2_nchwc: a reorder_token_1 -> b",
        "Gemm fc: b u -> fc",
    )
    found = attribute(RESIDUAL, running, HEAVY)
    assert found.fused == {"conv1+bn1": "relu1", "sum": "conv2+bn2", "relu": "conv2+bn2"}


def test_what_is_on_the_way_to_the_next_goes_with_it() -> None:
    file = graph(
        "Conv conv: image w -> conv",
        "BatchNormalization bn: conv s -> bn",
        "Relu act: bn -> act",
        "Flatten flat: act -> flat",
    )
    running = graph("FusedConv act: image w -> act", "Flatten flat: act -> flat")
    assert attribute(file, running, {"conv"}).fused == {"conv": "act", "bn": "act"}


def test_changes_of_layout_and_parts_belong_to_the_next() -> None:
    file = graph("Conv conv: image w -> conv", "HardSwish act: conv -> act", "Relu r: act -> r")
    running = graph(
        "Transpose T: image -> t",
        "Conv conv: t w -> conv",
        "HardSigmoid HardSigmoid_9: conv -> inner",
        "Mul Mul_10: conv inner -> act",
        "Relu r: act -> last",
        "Transpose U: last -> r",
    )
    found = attribute(file, running, {"conv"}).standing
    assert found["T"] == "conv"
    assert found["HardSigmoid_9"] == found["Mul_10"] == "act"
    assert found["U"] == "r"


def test_rounded_weights_belong_to_the_operator_that_takes_them() -> None:
    file = graph(
        "QuantizeLinear image/quantized: image s -> image/quantized",
        "DequantizeLinear image/dequantized: image/quantized s -> image/dequantized",
        "DequantizeLinear conv.weight/dequantized: conv.weight t -> conv.weight/dequantized",
        "Conv conv: image/dequantized conv.weight/dequantized -> conv",
        "QuantizeLinear conv/quantized: conv r -> conv/quantized",
        "DequantizeLinear conv/dequantized: conv/quantized r -> conv/dequantized",
    )
    running = graph(
        "QuantizeLinear image/quantized: image s -> image/quantized",
        "QLinearConv conv_token_3: image/quantized s conv.weight t r -> conv/quantized",
        "DequantizeLinear conv/dequantized: conv/quantized r -> conv/dequantized",
    )
    found = attribute(file, running, {"conv"})
    assert found.standing["conv_token_3"] == "conv"
    assert found.fused["conv.weight/dequantized"] == "conv"
    assert found.fused["conv/quantized"] == "conv"
