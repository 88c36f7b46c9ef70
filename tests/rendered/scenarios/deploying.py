"""What cannot be packed for any server, or is no package any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from archc.deploy.image_form import image_form
from archc.deploy.manifest import MANIFEST
from archc.diagnostics.reporter import Reporter
from archc.onnx_io.model_file import open_model_file
from archc.runtime.preprocess import Preprocess
from archc.weights.checkpoint import file_place
from tests.rendered.scenarios import Scene, scenario
from tests.rendered.scenarios.colours import (
    OPEN,
    put_model,
    put_package,
    put_picture,
    with_input,
    write_spec,
)


def _deployed(*changes: tuple[str, str], options: tuple[str, ...] = ()) -> Callable[[Path], Scene]:
    """The network with a change of its spec, to be deployed with options."""

    def scene(folder: Path) -> Scene:
        return ["deploy", write_spec(folder, *changes), *options]

    return scene


_STEPS = "preprocess: {resize: [32, 32]}\n"

scenario("deploy/input-axes")(_deployed(("resize: [32, 32]", "resize: [32, 32], color: gray")))
scenario("deploy/input-size")(_deployed(("resize: [32, 32]", "resize: [24, 24]")))
scenario("deploy/label-lines")(_deployed(("[red,", '["deep\\nred",')))
scenario("deploy/name")(_deployed(options=("--name", "my colours")))
scenario("deploy/name-taken")(
    _deployed(("scores:", "probabilities:"), options=("--probabilities",))
)
scenario("deploy/no-picture")(
    _deployed(
        with_input("input: {sizes: [12]}"),
        (_STEPS, ""),
        ("labels: [red, green, blue]\n", ""),
        ("mean: {global_avg_pool: false}", "mean: relu"),
    )
)
scenario("deploy/no-preprocess")(_deployed((_STEPS, "")))
scenario("deploy/unknown-target")(_deployed(options=("--target", "trition")))


def _put_abs(folder: Path, element: int, *dims: int | str) -> str:
    """A model of another program, which gives what it takes without its sign."""
    value = [helper.make_tensor_value_info(name, element, dims) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", value[:1], value[1:])
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opsets)
    (folder / "abs.onnx").write_bytes(model.SerializeToString())
    return "abs.onnx"


@scenario("deploy/elements")
def elements(folder: Path) -> Scene:
    """A model of another program that takes doubles."""
    model = _put_abs(folder, TensorProto.DOUBLE, "N", 12)
    return ["deploy", model, "--form", "tensor"]


@scenario("deploy/no-scores")
def no_scores(folder: Path) -> Scene:
    """A model of another program that gives one number a sample."""
    model = _put_abs(folder, TensorProto.FLOAT, "N")
    return ["deploy", model, "--form", "tensor", "--probabilities"]


@scenario("deploy/input-type")
def input_type(folder: Path) -> Scene:
    """A model of another program that takes integers."""
    path = Path(_put_abs(folder, TensorProto.INT32, "N", 3, 32, 32))
    reporter = Reporter()
    opened = open_model_file(path, reporter)
    with opened as file:  # type: ignore[union-attr]
        image_form(file.model, Preprocess(), file_place(str(path)), reporter)
    return reporter.diagnostics


@scenario("deploy/unknown-layer")
def unknown_layer(folder: Path) -> Scene:
    """A misspelt layer of a built model."""
    return ["deploy", put_model(folder), "--features", "meen"]


@scenario("deploy/sample-sizes")
def sample_sizes(folder: Path) -> Scene:
    """Two pictures of different shapes, and a preprocessing that keeps their shapes."""
    spec = write_spec(folder, with_input(OPEN), ("resize: [32, 32]", "resize: 32"))
    wide = put_picture(folder, "wide.png", (64, 32))
    tall = put_picture(folder, "tall.png", (32, 64))
    return ["deploy", spec, "--sample", wide, "--sample", tall]


@scenario("deploy/folder")
def folder_of_others(folder: Path) -> Scene:
    """A folder with somebody's files in the place of the package."""
    (folder / "thesis").mkdir()
    (folder / "thesis" / "chapter_1.tex").touch()
    return ["deploy", write_spec(folder), "-o", "thesis"]


@scenario("deploy/no-versions")
def no_versions(folder: Path) -> Scene:
    """A further version of a web page."""
    put_package(folder, "web", name="page")
    return ["deploy", write_spec(folder), "--target", "web", "--add", "-o", "page"]


@scenario("deploy/other-network")
def other_network(folder: Path) -> Scene:
    """A further version that takes pictures of another size."""
    put_package(folder)
    spec = write_spec(folder, ("32, 32]", "48, 48]"))
    return ["deploy", spec, "--add", "-o", "package"]


@scenario("deploy/no-package")
def no_package(folder: Path) -> Scene:
    """A folder of pictures."""
    put_picture(folder, "photos/rose.png")
    return ["serve", "photos"]


@scenario("deploy/changed")
def changed(folder: Path) -> Scene:
    """A label that was mended in the package."""
    labels = folder / "package" / (put_package(folder).labels or "")
    labels.write_text("rouge\nvert\nbleu\n", encoding="utf-8")
    return ["deploy", "--check", "package"]


@scenario("deploy/answers-differ", masks=((r" by [\d.e-]+ of ", " by 0.5 of "),))
def answers_differ(folder: Path) -> Scene:
    """Golden answers of another model, with their digest in the manifest."""
    golden = folder / "package" / put_package(folder).versions[0].golden
    arrays = dict(np.load(golden))
    arrays["scores"] *= 2
    np.savez(golden, **arrays)
    path = folder / "package" / MANIFEST
    manifest = json.loads(path.read_bytes())
    content = golden.read_bytes()
    digest = {"sha256": sha256(content).hexdigest(), "size_bytes": len(content)}
    manifest["files"][golden.relative_to(path.parent).as_posix()] = digest
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return ["deploy", "--check", "package"]
