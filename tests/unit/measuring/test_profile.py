"""Profiles of real runs: what is attributed to which layer; times are only there."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

import archc
from archc.analysis.cost import node_macs
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.reporter import Failed, Reporter
from archc.measuring.feeds import draw_feeds
from archc.measuring.profile import Profile, profile_model
from archc.pipeline.precision import Precision
from archc.runtime.model import open_model
from archc.shapes.size import evaluate
from tests.unit.measuring.models import POOL, write_foreign

MANY = """
archc: 1
name: many
input: {image: [8, 16, 16]}
layers:
  grouped: {conv: 16, kernel: 3, groups: 4, stride: 2}
  act: hard_swish
  up: {conv_transpose: 8, kernel: 2, stride: 2, groups: 2}
  act2: relu
  flat: flatten
  fc: {dense: 5}
outputs: {logits: fc}
"""


def profiled(path: Path, *, batch: int = 1, depth: int | None = None) -> Profile:
    reporter = Reporter()
    model = open_model(path, reporter)
    assert not isinstance(model, Failed)
    feeds = draw_feeds(model, batch, {}, reporter)
    assert not isinstance(feeds, Failed)
    found = profile_model(model, feeds, reporter, runs=2, depth=depth)
    assert not isinstance(found, Failed)
    return found


def built(folder: Path, text: str, optimization: int = 1) -> Path:
    (folder / "net.yaml").write_text(text, encoding="utf-8")
    archc.build(folder / "net.yaml", folder / "net.onnx", optimization=optimization)
    return folder / "net.onnx"


@pytest.mark.parametrize("optimization", [0, 1])
def test_time_is_added_up_by_layers_with_what_they_take_in(
    tmp_path: Path, optimization: int
) -> None:
    found = profiled(built(tmp_path, POOL, optimization))
    layers = {layer.name: layer for layer in found.layers}
    assert set(layers) == {"stem.conv", "pool", "fc"}
    assert set(layers["stem.conv"].fused) == {"stem.bn", "stem.act"}
    assert layers["stem.conv"].operators["Conv"] == 1
    seconds = [layer.seconds for layer in found.layers]
    assert seconds == sorted(seconds, reverse=True)
    assert found.kernel_seconds == pytest.approx(sum(seconds))
    assert found.peak_macs_per_second > 0


@pytest.mark.parametrize("batch", [1, 3])
def test_macs_are_those_of_the_summary(tmp_path: Path, batch: int) -> None:
    found = profiled(built(tmp_path, MANY), batch=batch)
    graph = archc.elaborate(tmp_path / "net.yaml")
    wanted = {
        node.name: batch * evaluate(node_macs(node), graph.sample_sizes) for node in graph.nodes
    }
    macs = {layer.name: layer.macs for layer in found.layers}
    assert {n: m for n, m in macs.items() if m} == {n: m for n, m in wanted.items() if m}


def test_work_in_sixteen_bits_stands_at_its_layers(tmp_path: Path) -> None:
    """Where the processor has no float16, ONNX Runtime computes in float32 under other names."""
    graph = archc.elaborate("mobilenet_v3_small")
    archc.build("mobilenet_v3_small", tmp_path / "half.onnx", precision=Precision("fp16"))
    layers = profiled(tmp_path / "half.onnx").layers
    wanted = {node.name: evaluate(node_macs(node), graph.sample_sizes) for node in graph.nodes}
    assert {x.name: x.macs for x in layers if x.macs} == {n: m for n, m in wanted.items() if m}
    shown = {name for layer in layers for name in (layer.name, *layer.fused)}
    model = onnx.load(tmp_path / "half.onnx")
    parts = {part.partition("/")[0] for node in model.graph.node for part in node.name.split("+")}
    assert {node.name for node in graph.nodes if node.name in parts} <= shown


def test_the_row_of_a_folded_kernel_is_the_kernels(tmp_path: Path) -> None:
    text = """
archc: 1
name: net
input: {image: [4, 16, 16]}
layers:
  r: relu
  a: batch_norm
  b: scale
  c: {conv: 8, kernel: 3, bias: false}
  d: batch_norm
  t: tanh
  p: {pad: 1}
  e: {conv: 8, kernel: 3}
  f: batch_norm
"""
    layers = {layer.name: layer for layer in profiled(built(tmp_path, text)).layers}
    assert set(layers) == {"r", "c", "e"}
    assert set(layers["c"].fused) == {"a", "b", "d", "t"}
    assert set(layers["e"].fused) == {"p", "f"}


def test_what_is_taken_apart_stays_with_its_layer(tmp_path: Path) -> None:
    names = {layer.name for layer in profiled(built(tmp_path, MANY)).layers}
    assert names <= {"grouped", "act", "up", "act2", "flat", "fc"}


def test_bytes_are_those_of_the_weights_and_of_what_goes_in_and_out(tmp_path: Path) -> None:
    found = {layer.name: layer for layer in profiled(built(tmp_path, POOL)).layers}
    assert found["fc"].bytes == 4 * (8 + 4 + 8 * 4 + 4)


def test_layers_are_grouped_by_the_first_parts_of_their_names(tmp_path: Path) -> None:
    path = built(tmp_path, POOL)
    found = {layer.name: layer for layer in profiled(path, depth=1).layers}
    assert set(found) == {"stem", "pool", "fc"}
    assert found["stem"].macs == 8 * 3 * 9 * 64 * 64


def test_a_model_of_another_program_is_profiled_by_its_own_names(tmp_path: Path) -> None:
    write_foreign(tmp_path / "foreign.onnx", ("N", 3, 8, 8))
    (layer,) = profiled(tmp_path / "foreign.onnx").layers
    assert (layer.name, layer.macs, layer.operators) == ("halve", 0, {"Mul": 1})


def failed(path: Path) -> Diagnostic:
    """What is said of a model that cannot be profiled."""
    reporter = Reporter()
    model = open_model(path, reporter)
    assert not isinstance(model, Failed)
    feeds = draw_feeds(model, 1, {}, reporter)
    assert not isinstance(feeds, Failed)
    assert isinstance(profile_model(model, feeds, reporter, runs=1), Failed)
    (found,) = reporter.diagnostics
    return found


def test_a_model_that_does_not_run_is_told_as_elsewhere(tmp_path: Path) -> None:
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ("N", 4)) for name in ("x", "y")
    ]
    node = helper.make_node("Reshape", ["x", "shape"], ["y"], name="shape")
    shape = helper.make_tensor("shape", TensorProto.INT64, (2,), [1, 7])
    graph = helper.make_graph([node], "g", values[:1], values[1:], [shape])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    found = failed(tmp_path / "m.onnx")
    assert "cannot be run on this input" in found.message
    assert found.helps


def test_a_profile_that_cannot_be_written_has_a_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("No space left on device")

    monkeypatch.setattr("archc.measuring.profile.profile_kernels", full)
    found = failed(built(tmp_path, POOL))
    assert "cannot be profiled" in found.message
    assert found.notes == ("No space left on device",)
    assert "`TMPDIR=FOLDER archc profile …`" in found.helps[0]
