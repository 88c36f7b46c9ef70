"""Types of every layer of every variant, against ONNX's own strict inference, and quiet loading.

Weights stand as further inputs of the model, so that a check costs what the graph costs.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

import archc
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import Reporter
from archc.graph.graph import Graph
from archc.onnx_io.check import check_model, inferred_types
from archc.onnx_io.model import ModelDef, ValueDef
from archc.onnx_io.writer import write_model
from archc.stages.draw import bind_drawn
from archc.stages.lower import lower
from tests.zoo.variants import VARIANTS

NOWHERE = Place(Span(Source("test", ""), 1, 1, 1, 1))
ODD = {"H": 333, "W": 301}


def without_weights(model: ModelDef) -> bytes:
    """The bytes of a model whose weights are inputs."""
    constants = tuple(i for i in model.initializers if isinstance(i.source, bytes))
    weights = tuple(
        ValueDef(i.name, i.dtype, i.dims)
        for i in model.initializers
        if not isinstance(i.source, bytes)
    )
    stream = io.BytesIO()
    bare = replace(model, inputs=(*model.inputs, *weights), initializers=constants)
    write_model(bare, stream, reporter=Reporter(), place=NOWHERE)
    return stream.getvalue()


def compare_types(graph: Graph, structure: bytes) -> set[str]:
    """Compares all sizes that ONNX infers as numbers with ours; the layers that were compared."""
    inferred = inferred_types(structure)
    names = {output.value: output.name for output in graph.outputs}
    compared: set[str] = set()
    for value, node in enumerate(graph.nodes, len(graph.inputs)):
        found = inferred.get(names.get(value, node.name))
        if found is None:  # a layer that does nothing writes no node
            continue
        compared.add(node.name)
        assert len(found) == node.output.rank, node.name
        for ours, theirs in zip(node.output.sizes, found[1:], strict=True):
            if isinstance(theirs, int):
                assert ours == theirs, f"{node.name} is {node.output}, ONNX infers {found}"
    return compared


@pytest.mark.parametrize("name", VARIANTS)
def test_types_are_those_that_onnx_infers(name: str) -> None:
    symbolic = archc.elaborate(name)
    graphs = [symbolic]
    if symbolic.domains:
        graphs.append(archc.elaborate(name, settings=ODD))
    for graph in graphs:
        structure = without_weights(lower(bind_drawn(graph, 0)))
        check_model(structure)
        compared = compare_types(graph, structure)
        assert {node.name for node in graph.nodes if node.weights} <= compared


@pytest.mark.parametrize("name", ["lenet5", "mobilenet_v3_small", "googlenet"])
@pytest.mark.parametrize("opset", [13, 17, 21])
def test_a_build_loads_without_a_warning(
    name: str, opset: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archc.build(name, tmp_path / "model.onnx", opset=opset)
    archc.session(tmp_path / "model.onnx")
    shown = capfd.readouterr()
    assert shown.out + shown.err == ""
