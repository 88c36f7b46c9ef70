"""Whatever a network is made of, in eight bits it is valid, runs and gives nearly the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.onnx_io.check import check_model
from tests.quantization.eight_bits import both, decibels, optimized

CLEAR = 20.0
"""Decibels: a tenth of the signal. Eight bits give some 30 to 40 in networks of a few layers."""

KERNELS = (
    "{conv: 6, kernel: 3, padding: 1}",
    "{conv: 8, kernel: 3, padding: 1, groups: 2}",
    "{depthwise_conv: 3, padding: 1}",
    "{conv: 4, kernel: 1, bias: false}",
)
# Without softmax: it makes numbers that are much alike, and kernels take their differences, which
# are a few levels then, in any way of rounding.
OTHERS = (
    "relu", "relu6", "silu", "hard_swish", "hard_sigmoid", "sigmoid", "tanh", "leaky_relu",
    "batch_norm", "{max_pool: 2}", "{avg_pool: 2}", "{local_response_norm: 3}",
    "{add: [[], [relu]]}", "{concat: [[], [relu]]}", "{mul: [[], [global_avg_pool, sigmoid]]}",
    "{multiply: 0.5}", "{pad: 1}",
)  # fmt: skip


@st.composite
def specs(draw: st.DrawFn) -> str:
    """Networks of kernels with all sorts of layers behind them."""
    lines, number = [], 0
    for _ in range(draw(st.integers(1, 3))):
        items = [
            draw(st.sampled_from(KERNELS)),
            *draw(st.lists(st.sampled_from(OTHERS), max_size=2)),
        ]
        for item in items:
            lines.append(f"  l{number}: {item}")
            number += 1
    if draw(st.booleans()):
        lines += ["  pool: global_avg_pool", "  flat: flatten", "  fc: {dense: 5}"]
    return "input: {image: [4, 16, 16]}\nlayers:\n" + "\n".join(lines) + "\n"


@settings(max_examples=25)
@given(text=specs(), portable=st.booleans())
def test_a_network_keeps_what_it_gives(
    text: str, portable: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("net")
    pair = both(folder, text, count=6, is_portable=portable, ranges="minmax")
    check_model(pair.small.content)
    for array in pair.small.run(**pair.samples).values():
        assert np.isfinite(array).all()
    assert decibels(pair) > CLEAR


WHOLE = {
    "relu": (
        "  c: {conv: 8, kernel: 3}\n  a: relu\n  p: {max_pool: 2}\n"
        "  s: {add: [[{conv: 8, kernel: 1}], []]}\n"
        "  b: relu6\n  cat: {concat: [[], [{conv: 4, kernel: 1}]]}\n  q: {avg_pool: 2}\n"
    ),
    "gates": (
        "  c: {conv: 8, kernel: 3}\n  a: hard_swish\n"
        "  g: {mul: [[], [global_avg_pool, {conv: 4, kernel: 1}, relu, {conv: 8, kernel: 1}, "
        "hard_sigmoid]]}\n  d: {conv: 8, kernel: 1}\n  e: silu\n"
        "  h: {mul: [[], [global_avg_pool, {conv: 8, kernel: 1}, sigmoid]]}\n"
    ),
}
HEAD = "  pool: global_avg_pool\n  flat: flatten\n  fc: {dense: 5}\n"


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_left_in_float(name: str, tmp_path: Path) -> None:
    text = f"input: {{image: [3, 16, 16]}}\nlayers:\n{WHOLE[name]}{HEAD}"
    pair = both(tmp_path, text, ranges="minmax")
    found = optimized(tmp_path, pair.small)
    assert not found.keys() & {"Conv", "Gemm", "Add", "Mul", "Concat", "Relu", "Sigmoid"}
    assert not found.keys() & {"HardSigmoid", "HardSwish", "MatMul", "GlobalAveragePool"}
    # What enters and what comes out of the last layer, or neither, are the only floats, beside
    # the SiLU, which is one function of them.
    silus = WHOLE[name].count("silu")
    assert found["QuickGelu"] == silus
    assert found["QuantizeLinear"] == 1 + silus
    assert found["DequantizeLinear"] <= 1 + silus


FORMS = {
    "symbolic": "input: {image: [3, H, W]}\nlayers:\n  c: {conv: 4, kernel: 3}\n  r: relu\n",
    "bytes": (
        "input: {image: {shape: [3, 16, 16], dtype: uint8}}\nlayers:\n"
        "  n: {normalize: {mean: 120, std: 60}}\n  c: {conv: 4, kernel: 3}\n  r: relu\n"
    ),
    "nhwc": (
        "input: {image: {shape: [3, 16, 16], layout: nhwc}}\nlayers:\n  c: {conv: 4, kernel: 3}\n"
    ),
    "two inputs": (
        "input: {left: [3, 16, 16], right: [2, 16, 16]}\nlayers:\n  a: {conv: 4}\n"
        "  b: {conv: 4, kernel: 1, from: right}\n  s: {add: [{from: a}, {from: b}]}\n"
    ),
    "shared weights": (
        "input: {image: [4, 16, 16]}\nlayers:\n  a: {conv: 4, kernel: 3}\n  r: relu\n"
        "  b: {conv: 4, kernel: 3, weights: a}\n  s: relu6\n  c: {conv: 4, kernel: 3, weights: a}\n"
    ),
    "norms left": (
        "input: {image: [3, 16, 16]}\nlayers:\n  b: batch_norm\n  r: relu\n  c: {conv: 4}\n"
        "  l: {local_response_norm: 3}\n  d: {conv: 4}\n  n: {group_norm: 2}\n  e: {conv: 2}\n"
        "  s: softmax\n"
    ),
    "transposed": (
        "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4, kernel: 3}\n  r: relu\n"
        "  t: {conv_transpose: 4, kernel: 2, stride: 2}\n  d: {conv: 2}\n"
    ),
    "several outputs": (
        "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4, kernel: 3}\n  r: relu\n"
        "  d: {conv: 4}\n  h: hard_swish\n  g: hard_sigmoid\n  e: {conv: 2}\n"
        "outputs: {first: r, second: h, third: g, fourth: e}\n"
    ),
    "bytes, channels last": (
        "input: {image: {shape: [3, 16, 16], dtype: uint8, layout: nhwc}}\nlayers:\n"
        "  c: {conv: 4, kernel: 3}\n  r: leaky_relu\n  d: {conv: 2}\n"
    ),
    "a clamp before a ramp": (
        "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4, kernel: 3}\n  r: relu\n"
        "  g: hard_sigmoid\n  d: {conv: 2}\n"
    ),
    "a pool between a clamp and a ramp": (
        "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4, kernel: 3}\n  r: relu6\n"
        "  p: {max_pool: 2}\n  h: hard_swish\n  d: {conv: 2}\n  q: {max_pool: 2}\n"
        "  g: hard_sigmoid\n  e: {conv: 2}\n"
    ),
    "two ramps": (
        "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4, kernel: 3}\n  g: hard_sigmoid\n"
        "  h: hard_swish\n  i: hard_sigmoid\n  d: {conv: 2}\n"
    ),
    "silus": (
        "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4}\n  r: relu\n  a: silu\n"
        "  d: {conv: 4}\n  s: {add: [[silu], []]}\n  e: {conv: 4}\n"
        "  t: {mul: [[silu], [sigmoid]]}\n  f: {conv: 2}\n  g: silu\n  h: silu\n"
        "outputs: {first: a, second: h}\n"
    ),
    "an output that goes on": (
        "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4}\n  d: {conv: 4}\n  r: relu\n"
        "outputs: {before: c, after: r}\n"
    ),
}


@pytest.mark.parametrize("portable", [False, True], ids=["onnx-runtime", "portable"])
@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str, portable: bool, tmp_path: Path) -> None:
    text = (
        FORMS[name]
        .replace("conv: 4}", "conv: 4, kernel: 1}")
        .replace("conv: 2}", "conv: 2, kernel: 1}")
    )
    pair = both(tmp_path, text, is_portable=portable)
    check_model(pair.small.content)
    assert decibels(pair) > CLEAR


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_opsets(opset: int, tmp_path: Path) -> None:
    text = f"input: {{image: [3, 16, 16]}}\nlayers:\n{WHOLE['gates']}{HEAD}"
    pair = both(tmp_path, text, opset=opset)
    assert {e.version for e in pair.small.proto.opset_import if not e.domain} == {opset}
    check_model(pair.small.content)
    assert decibels(pair) > CLEAR


def test_portable_model_has_only_operators_of_onnx(tmp_path: Path) -> None:
    text = f"input: {{image: [3, 16, 16]}}\nlayers:\n{WHOLE['gates']}{HEAD}"
    nodes = both(tmp_path, text).small.proto.graph.node
    assert {node.op_type for node in nodes if node.domain} == {"QuickGelu"}
    pair = both(tmp_path, text, is_portable=True)
    assert {node.domain for node in pair.small.proto.graph.node} == {""}
    assert {entry.domain for entry in pair.small.proto.opset_import} == {""}
    names = {node.op_type for node in pair.small.proto.graph.node}
    assert {"HardSwish", "HardSigmoid", "Sigmoid"} <= names
    assert "Clip" not in names
    onnx.checker.check_model(pair.small.proto, full_check=True)
