"""Builds and packages that cannot be, whatever the spec."""

from __future__ import annotations

from pathlib import Path

import archc
from archc.diagnostics.reporter import Reporter
from archc.pipeline.proving import prove_package
from tests.rendered.scenarios import Scene, scenario

_NET = """\
archc: 1
name: net
input: {x: [4]}
layers:
  fc: {dense: 3}
"""
_BUILD = ["build", "net.yaml"]


def _write(folder: Path, spec: str = _NET) -> Path:
    path = folder / "net.yaml"
    path.write_text(spec, encoding="utf-8")
    return path


@scenario("build/output")
def output(folder: Path) -> Scene:
    _write(folder)
    return [*_BUILD, "-o", "models/net.onnx"]


@scenario("build/opset")
def opset(folder: Path) -> Scene:
    _write(folder)
    return [*_BUILD, "--opset", "9"]


@scenario("build/too-large")
def too_large(folder: Path) -> Scene:
    _write(folder, _NET.replace("[4]", "[30000]").replace("dense: 3", "dense: 30000"))
    return [*_BUILD, "-o", "-"]


@scenario("build/no-place-beside")
def no_place_beside(folder: Path) -> Scene:
    _write(folder)
    return [*_BUILD, "--external-data", "-o", "-"]


@scenario("outputs/name")
def output_name(folder: Path) -> Scene:
    _write(folder)
    return [*_BUILD, "--output", "class scores=fc"]


@scenario("deploy/built-already")
def built_already(folder: Path) -> Scene:
    archc.build(_write(folder), folder / "net.onnx")
    return ["deploy", "net.onnx", "--variant", "wide"]


@scenario("deploy/no-proof")
def no_proof(folder: Path) -> Scene:
    spec = _NET.replace("{x: [4]}", "{image: [3, 4, 4]}\npreprocess: {resize: [4, 4]}").replace(
        "fc:", "flat: flatten\n  fc:"
    )
    archc.pack(_write(folder, spec), Path("net-web"), target="web")
    reporter = Reporter()
    prove_package(Path("net-web"), reporter)
    return reporter.diagnostics


@scenario("weights/folded")
def folded(folder: Path) -> Scene:
    layers = "layers:\n  conv: {conv: 4, kernel: 1}\n  norm: batch_norm\n"
    spec = f"archc: 1\nname: net\ninput: {{image: [4, 9, 8]}}\n{layers}"
    archc.build(_write(folder, spec), folder / "net.onnx")
    return [*_BUILD, "--weights", "net.onnx", "-o", "again.onnx"]


@scenario("spec/none-in-folder")
def none_in_folder(folder: Path) -> Scene:
    (folder / "models").mkdir()
    (folder / "models" / "net.onnx").write_bytes(b"\x08\x08")
    return ["validate", "models"]
