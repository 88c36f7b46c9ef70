"""Sixteen bits: half the bytes, nearly the same numbers, and no number that became infinite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import archc
from archc.onnx_io.check import check_model
from archc.pipeline.precision import Precision
from archc.runtime.metadata import parse_metadata
from tests.packages.building import Built, build, draw_weights, write_checkpoint, write_spec

CLOSE = 1e-2
"""Of the largest logit: float16 carries three digits, and deep networks lose some of one."""

FAMILIES = {
    "edges": 32,
    "efficientnet_b0": 64,
    "googlenet": 64,
    "lenet": 32,
    "mobilenet_v1": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "resnet18": 64,
    "timm/densenet121": 64,
}
"""Variants of the lighter families, and a size that each takes."""

TEXT = """\
input: {image: [3, 16, 16]}
layers:
  a: {conv: 8, kernel: 3}
  n: {group_norm: 2}
  r: silu
  p: {avg_pool: 2}
  l: {local_response_norm: 3}
  b: {conv: 8, kernel: 3}
  u: {upsample: 2}
  s: softmax
outputs: {middle: r, end: s}
"""


BEYOND = """\
input: {x: [3, 4, 4]}
layers:
  c: {conv: 4, kernel: 3, padding: 1}
  up: {multiply: 100000.0}
  down: {multiply: 0.00000001}
  back: {multiply: 1000.0}
"""
"""Two numbers that float16 does not hold, between others that it does."""


def halved(folder: Path, text: str, *, outside: bool = False) -> tuple[Built, Built]:
    spec = write_spec(folder, text)
    shapes = {n: w.shape for n, (_, w) in archc.elaborate(spec).owned_weights().items()}
    weights = write_checkpoint(folder, draw_weights(shapes))
    wanted = Precision("fp16", has_half_io=outside)
    small = archc.build_bytes(spec, weights=weights, precision=wanted)
    return Built(archc.build_bytes(spec, weights=weights)), Built(small)


@pytest.mark.parametrize("outside", [False, True])
def test_what_needs_range_stays_in_float32(tmp_path: Path, outside: bool) -> None:
    exact, small = halved(tmp_path, TEXT, outside=outside)
    check_model(small.content)
    kind = np.float16 if outside else np.float32
    image = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
    wanted, found = exact.run(image=image), small.run(image=image.astype(kind))
    for name, array in found.items():
        assert array.dtype == kind
        assert np.abs(array - wanted[name]).max() < CLOSE * np.abs(wanted[name]).max()
    inferred = onnx.shape_inference.infer_shapes(small.proto)
    types = {v.name: v.type.tensor_type.elem_type for v in inferred.graph.value_info}
    types |= {v.name: v.type.tensor_type.elem_type for v in small.proto.graph.output}
    single = {n.op_type for n in small.proto.graph.node if types[n.output[0]] == 1}
    assert {"LRN", "Softmax"} <= single
    assert "Conv" not in single
    record = parse_metadata(small.metadata).precision
    assert record is not None
    assert record.kind == "fp16"


@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_the_zoo(family: str, tmp_path: Path) -> None:
    size = FAMILIES[family]
    entry = archc.elaborate(family).inputs[0]
    sizes = [s if isinstance(s, int) else size for s in entry.type.sizes]
    path = tmp_path / "exact.onnx", tmp_path / "half.onnx"
    archc.build(family, path[0])
    archc.build(family, path[1], precision=Precision("fp16"))
    assert path[1].stat().st_size < 0.51 * path[0].stat().st_size + 100_000
    image = np.random.default_rng(0).standard_normal((1, *sizes)).astype(np.float32)
    exact, small = (archc.session(p).run(None, {entry.name: image})[0] for p in path)
    assert np.abs(exact - small).max() < CLOSE * np.abs(exact).max()
    for made in path:
        made.unlink()


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    text = "input: {x: [4]}\nlayers:\n  fc: {dense: 3}\n"
    weights = draw_weights({"fc.weight": (3, 4), "fc.bias": (3,)})
    weights["fc.weight"][1, 2] = 70_000
    with pytest.raises(archc.SpecError) as caught:
        build(tmp_path, text, weights=weights, precision=Precision("fp16"))
    (found,) = caught.value.diagnostics
    assert found.rule.slug == "build/out-of-range"
    assert "`fc.weight`" in found.message
    build(tmp_path, text, weights=weights)


def test_a_network_in_float16_is_no_float32(tmp_path: Path) -> None:
    text = "input: {x: {shape: [4], dtype: float16}}\nlayers:\n  fc: {dense: 3}\n"
    for wanted in (Precision("fp16"), Precision("int8", tmp_path)):
        with pytest.raises(archc.SpecError) as caught:
            build(tmp_path, text, precision=wanted)
        assert caught.value.diagnostics[0].rule.slug == "quantize/not-float32"


def test_constants_that_float16_does_not_hold_stay_in_float32(tmp_path: Path) -> None:
    """One to one: folded, the three numbers would be one."""
    spec = write_spec(tmp_path, BEYOND)
    weights = write_checkpoint(tmp_path, draw_weights({"c.weight": (4, 3, 3, 3), "c.bias": (4,)}))
    wanted = Precision("fp16")
    made = [
        Built(archc.build_bytes(spec, weights=weights, optimization=0, precision=precision))
        for precision in (Precision(), wanted)
    ]
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    exact, small = (model.run(x=x)["output"] for model in made)
    assert np.abs(exact).max() > 0.1
    assert np.abs(small - exact).max() < CLOSE * np.abs(exact).max()
    assert made[1].weights["c.weight"].dtype == np.float16
    kinds = [node.op_type for node in made[1].proto.graph.node]
    assert kinds == ["Cast", "Conv", "Cast", "Mul", "Mul", "Cast", "Mul", "Cast"]


@pytest.mark.parametrize("outside", [False, True])
def test_bytes_become_float16_at_once(tmp_path: Path, outside: bool) -> None:
    text = (
        "input: {image: {shape: [3, 8, 8], dtype: uint8, layout: nhwc}}\n"
        "layers:\n  c: {conv: 4, kernel: 3}\n"
    )
    exact, small = halved(tmp_path, text, outside=outside)
    check_model(small.content)
    casts = [node for node in small.proto.graph.node if node.op_type == "Cast"]
    assert len(casts) == (1 if outside else 2)
    image = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    wanted = exact.run(image=image)["output"]
    assert np.abs(small.run(image=image)["output"] - wanted).max() < CLOSE * np.abs(wanted).max()


def test_a_model_says_what_it_takes(tmp_path: Path) -> None:
    for outside, kind in ((False, "float32"), (True, "float16")):
        _, small = halved(tmp_path, TEXT, outside=outside)
        (entry,) = parse_metadata(small.metadata).inputs
        assert entry.dtype.value == kind
        assert entry.shape == (3, 16, 16)
    text = "input: {x: {shape: [3, 8, 8], dtype: uint8}}\nlayers:\n  c: {conv: 4, kernel: 3}\n"
    _, small = halved(tmp_path, text, outside=True)
    assert parse_metadata(small.metadata).inputs[0].dtype.value == "uint8"
