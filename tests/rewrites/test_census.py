"""What the networks of the zoo are made of when they are built: no more than they need."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import pytest

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.encode import encode_structure
from archc.onnx_io.model import ModelDef
from archc.pipeline import Choices, load_spec, open_lowered
from archc.pipeline.building import for_inference

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


def built(name: str) -> ModelDef:
    """The model of a network's default, or of the first of its variants; no weight is drawn."""
    reporter = Reporter()
    spec = load_spec(name, reporter)
    assert not isinstance(spec, Failed)
    variant = spec.variant or next(iter(spec.file.variants), None)
    with open_lowered(spec, reporter, choices=Choices(variant)) as lowered:
        assert not isinstance(lowered, Failed)
        return for_inference(lowered.model).model


@pytest.mark.parametrize("name", NETWORKS)
def test_no_operator_is_there_that_the_network_does_not_need(name: str) -> None:
    model = onnx.load_model_from_string(encode_structure(built(name)))
    found = Counter(node.op_type for node in model.graph.node)
    allowed = COMPUTES | ACTIVATES | POOLS | SHAPES | BESIDE.get(name, set())
    assert {op: count for op, count in found.items() if op not in allowed} == {}
    assert found.keys() >= BESIDE.get(name, set())
    for node in model.graph.node:
        assert not node.doc_string
        assert not node.metadata_props


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_have_their_fast_forms(name: str) -> None:
    """A clamp from 0 is one Clip, a hard swish one HardSwish, and SiLU what is fused when run."""
    model = onnx.load_model_from_string(encode_structure(built(name)))
    givers = {value: node for node in model.graph.node for value in node.output}
    for node in model.graph.node:
        before = [givers[value].op_type for value in node.input if value in givers]
        if node.op_type == "Mul" and "HardSigmoid" in before:
            gate = next(
                givers[v] for v in node.input if v in givers and givers[v].op_type == "HardSigmoid"
            )
            assert gate.input[0] not in node.input  # else it is a HardSwish
        assert not (node.op_type == "Min" and "Relu" in before)
