"""What a package for the browser holds, and the mistakes that are told before one is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archc.deploy.manifest import TensorSpec
from archc.deploy.served import Layout, Served, ServingOptions
from archc.deploy.web import write
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.writer import WriteResult
from archc.runtime.preprocess import Preprocess
from archc.weights.checkpoint import file_place
from tests.unit.runtime.reporting import only

IMAGE = TensorSpec(name="image", dtype="uint8", shape=(32, 32, 3))
LOGITS = TensorSpec(name="logits", dtype="float32", shape=(3,))
PROBABILITIES = TensorSpec(name="probabilities", dtype="float32", shape=(3,))
FEATURES = TensorSpec(name="features", dtype="float32", shape=(8, 4, 4))


def write_model(path: Path, external: bool) -> WriteResult | Failed:
    assert not external
    path.write_bytes(b"a model")
    return WriteResult(7, None, "0" * 64)


SERVED = Served(
    name="animals",
    form="image",
    inputs=(IMAGE,),
    outputs=(FEATURES, LOGITS),
    opset=17,
    ir_version=8,
    has_batch=True,
    preprocess=Preprocess(resize=36, crop=32),
    labels=("cat", "dog", "<b>owl</b>"),
    labelled=("logits",),
    probabilities=(),
    place=file_place("animals.yaml"),
    write_model=write_model,
)


def runtime_folder(folder: Path, *, banner: str = "ONNX Runtime Web v1.30.0") -> Path:
    folder.mkdir()
    (folder / "ort.wasm.bundle.min.mjs").write_text(f"/*!\n * {banner}\n */\nexport {{}};\n")
    (folder / "ort-wasm-simd-threaded.wasm").write_bytes(b"\0asm\1\0\0\0")
    return folder


def written(folder: Path, served: Served = SERVED, **options: object) -> dict[str, object]:
    """What `network.json` says of a package."""
    reporter = Reporter()
    layout = write(served, folder, replace(ServingOptions(), **options), reporter)  # type: ignore[arg-type]
    assert isinstance(layout, Layout), reporter.diagnostics
    network: dict[str, object] = json.loads((folder / "network.json").read_text("utf-8"))
    return network


def policy(folder: Path) -> dict[str, str]:
    """The directives of the page's Content-Security-Policy."""
    page = (folder / "index.html").read_text("utf-8")
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    return dict(part.split(" ", 1) for part in found[1].split("; "))


def test_the_page_is_told_what_the_network_takes_and_gives(tmp_path: Path) -> None:
    network = written(tmp_path)
    assert network["input"] == {
        "name": "image",
        "dtype": "uint8",
        "layout": "nhwc",
        "shape": [32, 32, 3],
    }
    assert network["shown"] == {"output": "logits", "is_probability": False}
    assert network["labels"] == list(SERVED.labels)
    assert network["model"] == {"url": "model.onnx", "bytes": 7}
    assert (tmp_path / "labels.txt").read_text("utf-8") == "cat\ndog\n<b>owl</b>\n"


def test_probabilities_are_drawn_before_scores(tmp_path: Path) -> None:
    served = replace(
        SERVED,
        outputs=(LOGITS, PROBABILITIES),
        labelled=("logits", "probabilities"),
        probabilities=("probabilities",),
    )
    shown = written(tmp_path, served)["shown"]
    assert shown == {"output": "probabilities", "is_probability": True}


@pytest.mark.parametrize(
    ("shape", "layout"), [((3, 32, 32), "nchw"), ((32, 32, 3), "nhwc"), ((3, 5, 3), "nchw")]
)
def test_floats_are_given_in_the_order_of_their_axes(
    tmp_path: Path, shape: tuple[int, ...], layout: str
) -> None:
    entry = TensorSpec(name="input", dtype="float32", shape=shape)
    network = written(tmp_path, replace(SERVED, form="tensor", inputs=(entry,)))
    assert network["input"] == {
        "name": "input",
        "dtype": "float32",
        "layout": layout,
        "shape": list(shape),
    }


def test_a_fixed_batch_of_one_is_left_out(tmp_path: Path) -> None:
    entry = TensorSpec(name="image", dtype="uint8", shape=(1, 32, 32, 3))
    logits = TensorSpec(name="logits", dtype="float32", shape=(1, 3))
    served = replace(SERVED, inputs=(entry,), outputs=(logits,), has_batch=False)
    assert written(tmp_path, served)["input"] == {
        "name": "image",
        "dtype": "uint8",
        "layout": "nhwc",
        "shape": [32, 32, 3],
    }


def test_a_packed_runtime_leaves_no_other_server_to_ask(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    source = runtime_folder(tmp_path / "dist")
    # The folder of the npm package does as well as its `dist`.
    written(tmp_path / "page", browser_runtime=source.parent)
    assert sorted(path.name for path in (tmp_path / "page" / "ort").iterdir()) == [
        "ort-wasm-simd-threaded.wasm",
        "ort.wasm.bundle.min.js",
    ]
    directives = policy(tmp_path / "page")
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert directives["connect-src"] == "'self'"
    assert not [path for path in (tmp_path / "page").glob("*.*") if b"https:" in path.read_bytes()]


def test_a_runtime_from_the_network_is_pinned_by_digest(tmp_path: Path) -> None:
    network = written(tmp_path)
    runtime = network["runtime"]
    assert isinstance(runtime, dict)
    assert runtime["version"] == "1.30.0"
    for part in ("script", "wasm"):
        assert runtime[part]["url"].startswith(
            "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/"
        )
        assert re.fullmatch(r"sha384-[A-Za-z0-9+/]{64}", runtime[part]["integrity"])
    directives = policy(tmp_path)
    assert directives["script-src"] == "'self' 'wasm-unsafe-eval' blob:"
    assert directives["connect-src"] == "'self' https://cdn.jsdelivr.net"


def test_hosts_are_told_the_same_policy(tmp_path: Path) -> None:
    written(tmp_path)
    lines = (tmp_path / "_headers").read_text("utf-8").splitlines()
    found = next(line for line in lines if "Content-Security-Policy" in line)
    stated = "; ".join(f"{name} {value}" for name, value in policy(tmp_path).items())
    assert found == f"  Content-Security-Policy: {stated}; frame-ancestors 'none'"


def test_no_mark_is_left_and_names_are_text(tmp_path: Path) -> None:
    written(tmp_path, replace(SERVED, name="a<b>&c"))
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "<title>a&lt;b&gt;&amp;c</title>" in page
    texts = [path.read_text("utf-8") for path in tmp_path.iterdir() if path.suffix != ".onnx"]
    assert [text for text in texts if re.search("@[A-Z]+@", text)] == []


WRONG: dict[str, tuple[Callable[[Path], tuple[Served, dict[str, object]]], str, str]] = {
    "no-preprocess": (
        lambda _: (replace(SERVED, preprocess=None), {}),
        "web/input",
        "nothing says how a picture becomes the network's input",
    ),
    "two-inputs": (
        lambda _: (replace(SERVED, inputs=(IMAGE, LOGITS)), {}),
        "web/input",
        "it takes `image`: uint8 (32, 32, 3), `logits`: float32 (3,)",
    ),
    "half-precision": (
        lambda _: (replace(SERVED, inputs=(IMAGE.model_copy(update={"dtype": "float16"}),)), {}),
        "web/input",
        "it takes `image`: float16 (32, 32, 3)",
    ),
    "other-channels": (
        lambda _: (replace(SERVED, inputs=(IMAGE.model_copy(update={"shape": (4, 8, 8)}),)), {}),
        "web/input",
        "it takes `image`: uint8 (4, 8, 8)",
    ),
    "batch-of-four": (
        lambda _: (
            replace(
                SERVED,
                has_batch=False,
                inputs=(IMAGE.model_copy(update={"shape": (4, 32, 32, 3)}),),
            ),
            {},
        ),
        "web/input",
        "it takes `image`: uint8 (4, 32, 32, 3)",
    ),
    "no-classes": (
        lambda _: (replace(SERVED, outputs=(FEATURES,), labelled=(), labels=()), {}),
        "web/no-classes",
        "",
    ),
    "other-labels": (
        lambda _: (replace(SERVED, labels=("cat", "dog"), labelled=()), {}),
        "web/labels",
        "",
    ),
    "unknown-release": (lambda _: (SERVED, {"release": "1.19.2"}), "web/release", "those of"),
    "another-release": (
        lambda folder: (
            SERVED,
            {"release": "1.30.0", "browser_runtime": runtime_folder(folder, banner=OLDER)},
        ),
        "web/release",
        "",
    ),
    "old-runtime": (
        lambda folder: (SERVED, {"browser_runtime": runtime_folder(folder, banner=OLD)}),
        "web/runtime",
        "it is release 1.22.0, older than 1.23",
    ),
    "no-folder": (
        lambda folder: (SERVED, {"browser_runtime": folder}),
        "web/runtime",
        "`ort.wasm.bundle.min.mjs`: no such file or directory",
    ),
    "another-script": (
        lambda folder: (SERVED, {"browser_runtime": runtime_folder(folder, banner="else")}),
        "web/runtime",
        "`ort.wasm.bundle.min.mjs` does not say that it is ONNX Runtime",
    ),
    "no-wasm": (
        lambda folder: (SERVED, {"browser_runtime": without_wasm(folder)}),
        "web/runtime",
        "`ort-wasm-simd-threaded.wasm` is no WebAssembly",
    ),
}
OLD = "ONNX Runtime Web v1.22.0"
OLDER = "ONNX Runtime Web v1.24.3"


def without_wasm(folder: Path) -> Path:
    runtime_folder(folder)
    (folder / "ort-wasm-simd-threaded.wasm").write_bytes(b"version https://git-lfs")
    return folder


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_told(tmp_path: Path, case: str) -> None:
    make, rule, note = WRONG[case]
    served, options = make(tmp_path / "runtime")
    (tmp_path / "page").mkdir()
    reporter = Reporter()
    filled = replace(ServingOptions(), **options)  # type: ignore[arg-type]
    assert isinstance(write(served, tmp_path / "page", filled, reporter), Failed)
    found = only(reporter)
    assert found.rule.slug == rule
    assert note in "\n".join(found.notes)
    assert list((tmp_path / "page").iterdir()) == []
