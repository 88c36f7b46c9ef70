"""Models in eight and sixteen bits that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from archc.diagnostics.reporter import Reporter
from archc.onnx_io.model import ModelDef
from archc.pipeline.precision import Precision, judge
from archc.quantization.agreement import Agreement
from archc.quantization.quantize import Quantized
from tests.packages.building import write_checkpoint
from tests.rendered.scenarios import Scene, scenario

_NET = """\
archc: 1
name: net
input: {x: [4]}
layers:
  fc: {dense: 3}
"""
_PICTURE_NET = """\
archc: 1
name: net
input: {image: [1, 8, 8]}
layers:
  c: {conv: 2, kernel: 3}
"""
_EIGHT = ["build", "net.yaml", "--precision", "int8"]


def _write(folder: Path, spec: str = _NET, samples: int = 12) -> None:
    (folder / "net.yaml").write_text(spec, encoding="utf-8")
    np.savez(folder / "samples.npz", x=np.ones((samples, 4), np.float32))


@scenario("build/precision")
def wrong_options(folder: Path) -> Scene:
    _write(folder)
    return ["build", "net.yaml", "--precision", "fp16", "--calibrate", "samples.npz"]


@scenario("build/out-of-range")
def out_of_range(folder: Path) -> Scene:
    _write(folder)
    weight = np.full((3, 4), 70_000, np.float32)
    write_checkpoint(folder, {"fc.weight": weight, "fc.bias": np.zeros(3, np.float32)})
    return ["build", "net.yaml", "--weights", "net.safetensors", "--precision", "fp16"]


@scenario("quantize/no-samples")
def no_samples(folder: Path) -> Scene:
    _write(folder)
    return _EIGHT


@scenario("quantize/wrong-samples")
def wrong_samples(folder: Path) -> Scene:
    _write(folder)
    np.savez(folder / "samples.npz", y=np.ones((12, 4), np.float32))
    return [*_EIGHT, "--calibrate", "samples.npz"]


@scenario("quantize/no-preprocess")
def no_preprocess(folder: Path) -> Scene:
    _write(folder, _PICTURE_NET)
    (folder / "pictures").mkdir()
    Image.new("L", (8, 8)).save(folder / "pictures" / "black.png")
    return [*_EIGHT, "--calibrate", "pictures"]


@scenario("quantize/not-float32")
def not_float32(folder: Path) -> Scene:
    _write(folder, _NET.replace("[4]", "{shape: [4], dtype: float16}"))
    return [*_EIGHT, "--calibrate", "samples.npz"]


@scenario("quantize/unproven")
def unproven(folder: Path) -> Scene:
    _write(folder, samples=5)
    return [*_EIGHT, "--calibrate", "samples.npz", "--min-agreement", "0.99"]


@scenario("quantize/too-little-agreement")
def too_little_agreement(folder: Path) -> Scene:
    """No network does so surely: the judgement is asked for with such a result."""
    _write(folder)
    reporter = Reporter()
    result = Quantized(
        ModelDef("net", (), (), (), (), 17), "mse", {}, Agreement(0.96, 31.0, 25), 75, (), 4
    )
    wanted = Precision("int8", Path("samples.npz"), min_agreement=0.99)
    judge(result, wanted, reporter)
    return reporter.diagnostics


@scenario("quantize/not-finite")
def not_finite(folder: Path) -> Scene:
    _write(folder)
    weight = np.full((3, 4), 3e38, np.float32)
    write_checkpoint(folder, {"fc.weight": weight, "fc.bias": np.zeros(3, np.float32)})
    return [*_EIGHT, "--weights", "net.safetensors", "--calibrate", "samples.npz"]
