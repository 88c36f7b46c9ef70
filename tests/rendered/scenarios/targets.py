"""What one of the targets cannot be given, though another might be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
from onnx import TensorProto, helper

from archc.deploy.openvino_proof import prove_openvino
from archc.diagnostics.reporter import Reporter
from tests.rendered.scenarios import Scene, scenario
from tests.rendered.scenarios.colours import OPEN, put_package, with_input, write_spec

IMAGE = "oci+native://registry.example/models/colours"


def _deployed(target: str, *options: str, changes: tuple[tuple[str, str], ...] = ()) -> Any:
    def scene(folder: Path) -> Scene:
        return ["deploy", write_spec(folder, *changes), "--target", target, *options]

    return scene


_NO_LABELS = ("labels: [red, green, blue]\n", "")
_MAP = ("layers:\n  mean: {global_avg_pool: false}", "layers:\n  mean: relu")
_MAP_AND_KINDS = (
    _MAP,
    ("outputs: {scores: mean}", "  pool: {global_avg_pool: false}\n  kind: {dense: 5}\n"
     "outputs: {mask: mean, kind: kind}"),
)  # fmt: skip
_PLAIN_STEPS = ("resize: [32, 32]", "color: rgb")

scenario("triton/no-ensemble")(
    _deployed("triton", "--encoded", changes=(with_input(OPEN), _PLAIN_STEPS))
)
scenario("triton/unused-labels")(_deployed("triton", changes=(_MAP,)))
scenario("kserve/no-storage")(_deployed("kserve"))
scenario("kserve/storage")(_deployed("kserve", "--storage", "ftp://models/colours"))
scenario("kserve/runtime")(_deployed("kserve:onnx", "--storage", IMAGE))
scenario("kserve/no-shell")(_deployed("kserve", "--storage", "oci://registry.example/colours"))
scenario("kserve/ensemble")(_deployed("kserve", "--storage", IMAGE, "--encoded"))
scenario("mlserver/no-ensemble")(_deployed("mlserver", "--encoded"))
scenario("openvino/no-ensemble")(_deployed("openvino", "--encoded"))
scenario("web/no-classes")(_deployed("web", changes=(_MAP, _NO_LABELS)))
scenario("web/labels")(_deployed("web", changes=_MAP_AND_KINDS))
scenario("web/release", masks=((r"\b1\.\d+\.\d+(?= are)", "1.30.0"),))(_deployed("web:1.19.2"))


@scenario("kserve/not-static")
def not_static(folder: Path) -> Scene:
    """A script in the place of a shell."""
    (folder / "busybox").write_text("#!/bin/sh\n" * 8)
    options = ("--storage", "oci://registry.example/colours", "--shell", "busybox")
    return ["deploy", write_spec(folder), "--target", "kserve", *options]


@scenario("triton/other-tensors")
def other_tensors(folder: Path) -> Scene:
    """A further version with other labels."""
    put_package(folder)
    spec = write_spec(folder, ("[red, green, blue]", "[rose, leaf, sky]"))
    return ["deploy", spec, "--add", "-o", "package"]


@scenario("triton/served-type")
def served_type(folder: Path) -> Scene:
    """A model of another program that gives one number, whatever it takes."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [])]
    node = helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0)
    graph = helper.make_graph([node], "g", inputs, outputs)
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opsets)
    (folder / "sum.onnx").write_bytes(model.SerializeToString())
    return ["deploy", "sum.onnx", "--form", "tensor"]


@scenario("web/input")
def web_input(folder: Path) -> Scene:
    """The form that takes numbers, of a network without a preprocessing."""
    spec = write_spec(folder, ("preprocess: {resize: [32, 32]}\n", ""))
    return ["deploy", spec, "--target", "web", "--form", "tensor"]


@scenario("web/runtime", masks=((r"onnxruntime-web@[\d.]+", "onnxruntime-web@1.30.0"),))
def web_runtime(folder: Path) -> Scene:
    """The folder above the one that has the files."""
    (folder / "node_modules" / "onnxruntime-web").mkdir(parents=True)
    options = ("--browser-runtime", "node_modules")
    return ["deploy", write_spec(folder), "--target", "web", *options]


class _Core:
    """OpenVINO's runtime as far as the proof uses it: it gives ones, or refuses."""

    refuses = False

    def compile_model(self, *_: object) -> _Core:
        if self.refuses:
            raise RuntimeError("Check failed\nUnsupported operation of type: GroupNormalization")
        return self

    def create_infer_request(self) -> _Core:
        return self

    def infer(self, feeds: object) -> None:
        pass

    def get_tensor(self, name: str) -> Any:
        made = ModuleType(name)
        made.data = np.ones((2, 3), np.float32)  # type: ignore[attr-defined]
        return made


@contextmanager
def _openvino(*, refuses: bool) -> Iterator[None]:
    """A library in the place of OpenVINO's."""
    library = ModuleType("openvino")
    core = type("Core", (_Core,), {"refuses": refuses})
    library.Core, library.__version__ = core, "2025.3.0"  # type: ignore[attr-defined]
    with patch.dict(sys.modules, openvino=library):
        yield


def _proved(*, refuses: bool) -> Callable[[Path], Scene]:
    def scene(folder: Path) -> Scene:
        manifest = put_package(folder, "openvino")
        reporter = Reporter()
        with _openvino(refuses=refuses):
            prove_openvino(Path("package"), manifest, reporter)
        return reporter.diagnostics

    return scene


scenario("openvino/not-loaded")(_proved(refuses=True))
scenario(
    "openvino/other-answers",
    masks=((r" by [\d.]+,", " by 0.91,"), (r" and \S+ is", " and 9e-06 is")),
)(_proved(refuses=False))
