"""What the networks of the zoo are made of when they are built: no more than they need.

How many operators of each kind every network has stands in `operators.txt`.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from pathlib import Path

import onnx
import onnx.parser
import pytest

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.encode import encode_structure
from archc.pipeline.building import for_inference, open_lowered
from archc.pipeline.networks import Choices
from archc.pipeline.reading import load_spec
from tests.conftest import Golden

SPECS = Path(archc.__file__).parents[1] / "specs"
NETWORKS = sorted(
    path.relative_to(SPECS).with_suffix("").as_posix()
    for path in SPECS.rglob("*.yaml")
    if not archc.load(path).file.is_library
)

COMPUTES = {"Conv", "Gemm", "Add", "Mul", "Concat"}
ACTIVATES = {"Relu", "Clip", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", "Softmax"}
POOLS = {"MaxPool", "AveragePool", "GlobalAveragePool"}
SHAPES = {"Flatten"}

BESIDE = {
    "alexnet_2012": {"LRN"},
    # Norms before activations: what stands before them is a concatenation or a sum. A pad of zeros
    # before a pool is no padding of the pool, which is below every number.
    "keras/densenet": {"BatchNormalization"},
    "keras/resnet_v2": {"BatchNormalization", "Pad"},
    "timm/densenet": {"BatchNormalization"},
    # Pixels are scaled inside, before a padded convolution.
    "keras/efficientnet": {"BatchNormalization"},
    "edges": {"Sqrt", "Pad"},
}
"""What else some networks need, and why."""


@cache
def built(name: str) -> onnx.GraphProto:
    """The graph of a network's default, or of the first of its variants; no weight is drawn."""
    reporter = Reporter()
    spec = load_spec(name, reporter)
    assert not isinstance(spec, Failed)
    variant = spec.variant or next(iter(spec.file.variants), None)
    with open_lowered(spec, reporter, choices=Choices(variant)) as lowered:
        assert not isinstance(lowered, Failed)
        model = for_inference(lowered.model).model
    graph: onnx.GraphProto = onnx.load_model_from_string(encode_structure(model)).graph
    return graph


@pytest.mark.parametrize("name", NETWORKS)
def test_no_operator_is_there_that_the_network_does_not_need(name: str) -> None:
    graph = built(name)
    found = Counter(node.op_type for node in graph.node)
    allowed = COMPUTES | ACTIVATES | POOLS | SHAPES | BESIDE.get(name, set())
    assert {op: count for op, count in found.items() if op not in allowed} == {}
    assert found.keys() >= BESIDE.get(name, set())
    for node in graph.node:
        assert not node.doc_string
        assert not node.metadata_props


def test_every_network_has_as_many_operators_as_it_is_known_to_need(golden: Golden) -> None:
    lines = []
    for name in NETWORKS:
        found = Counter(node.op_type for node in built(name).node)
        counts = ", ".join(f"{op} {count}" for op, count in sorted(found.items()))
        lines.append(f"{name}: {sum(found.values())} ({counts})\n")
    golden(Path(__file__).with_name("operators.txt"), "".join(lines))


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_have_their_fast_forms(name: str) -> None:
    """A clamp from 0 is one Clip, a hard swish one HardSwish, and SiLU what is fused when run."""
    assert slow_forms(built(name)) == []


def slow_forms(graph: onnx.GraphProto) -> list[str]:
    """The operators in the middle of an activation in pieces."""
    givers = {value: node for node in graph.node for value in node.output}
    single = {i.name for i in graph.initializer if math.prod(i.dims) == 1}
    found = []
    for node in graph.node:
        before = {givers[value].op_type: givers[value] for value in node.input if value in givers}
        gate, shift = before.get("HardSigmoid"), before.get("Add")
        is_swish = node.op_type == "Mul" and gate is not None and gate.input[0] in node.input
        # x · clip(x + 3, 0, 6) / 6 is a HardSwish, without x a HardSigmoid.
        is_shifted = shift is not None and not single.isdisjoint(shift.input)
        is_gate = node.op_type in ("Clip", "Min", "Max") and is_shifted
        if is_swish or is_gate or (node.op_type == "Min" and "Relu" in before):
            found.append(node.name)
    return found


@pytest.mark.parametrize(
    ("text", "slow"),
    [
        (
            "s = Add(x, three) c = Clip(s, zero, six) p = Mul(x, c) y = Mul(p, sixth)",
            ["Clip"],
        ),
        ("s = Add(three, x) r = Relu(s) c = Min(r, six) y = Mul(c, sixth)", ["Min"]),
        ("g = HardSigmoid(x) y = Mul(g, x)", ["Mul"]),
        ("y = HardSwish(x)", []),
        ("g = HardSigmoid(x) h = Relu(x) y = Mul(g, h)", []),
        ("a = Relu(x) b = Add(x, a) y = Clip(b, zero, six)", []),
        ("g = Sigmoid(x) y = Mul(g, x)", []),
    ],
)
def test_slow_forms_are_seen(text: str, slow: list[str]) -> None:
    numbers = ", ".join(f"float {name} = {{1.0}}" for name in ("three", "zero", "six", "sixth"))
    graph = onnx.parser.parse_graph(f"g (float[N] x) => (float[N] y) <{numbers}> {{{text}}}")
    for node in graph.node:
        node.name = node.op_type
    assert slow_forms(graph) == slow
