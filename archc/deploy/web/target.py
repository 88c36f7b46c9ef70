"""Packages for the browser: a static page that classifies pictures where they are.

    index.html, *.js, style.css, icon.svg   the page, the same for every network
    network.json    what the network takes and gives, and where its files lie
    model.onnx      the network, in one file
    labels.txt      the classes' names, where there are any
    ort/            ONNX Runtime Web, unless the page fetches it from a network
    _headers        what static hosts are to send, so that the page may use threads

The page may reach its own server and, where it fetches the runtime, one other; nothing else. Its
preprocessing (`page/preprocess.js`, `page/resample.js`) is that of `archc.runtime.pixels`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import PIL

from archc.deploy.manifest import TensorSpec
from archc.deploy.served import Layout, Served, ServingOptions
from archc.deploy.web.browser_runtime import BrowserRuntime, browser_runtime
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.preprocess import Preprocess
from archc.weights.shown import listed, shown

INPUT = Rule(
    "web/input",
    "a page is asked for a network that takes no picture",
    "The page makes one picture at a time into bytes or 32-bit floats, and gives nothing else.",
)
NO_CLASSES = Rule(
    "web/no-classes",
    "a page is asked for a network that gives no classes",
    "The page draws one bar a class: it needs an output of one float a class.",
)
LABELS = Rule(
    "web/labels",
    "the labels are not those of the output that is drawn",
    "A bar with the name of another class is worse than one with a number.",
)

_MODEL = "model.onnx"
_LABELS = "labels.txt"
_TEMPLATES = ("index.html", "README.md", "_headers")


def write(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """The page, the network, and what the page has to know of it.

    Reports: web/input, web/no-classes, web/labels, web/runtime, web/release, and what writing the
        model reports.
    """
    taken = _input(served)
    if taken is None or served.preprocess is None:
        return reporter.error(
            INPUT,
            f"the page cannot give `{shown(served.name)}` its input",
            served.place,
            notes=(_why_no_input(served),),
            helps=("deploy the image form of a network that has a `preprocess`: `--form image`",),
        )
    drawn = _drawn(served)
    if drawn is None:
        names = listed([output.name for output in served.outputs])
        return reporter.error(
            NO_CLASSES,
            f"of the outputs {names}, none has one float a class",
            served.place,
            helps=("deploy a classifier, or for a server: `--target triton`",),
        )
    if served.labels and drawn.name not in served.labelled:
        return reporter.error(
            LABELS,
            f"there are {len(served.labels)} labels for the {drawn.shape[0]} numbers of "
            f"`{shown(drawn.name)}`",
            served.place,
            helps=("give as many labels as there are classes, or none",),
        )
    runtime = browser_runtime(folder, options, served.place, reporter)
    if isinstance(runtime, Failed):
        return FAILED
    if isinstance(served.write_model(folder / _MODEL, False), Failed):
        return FAILED
    _write_page(folder, served, runtime)
    network = _network(folder, served, taken, served.preprocess, drawn, runtime)
    text = json.dumps(network, indent=1, ensure_ascii=False) + "\n"
    (folder / "network.json").write_text(text, encoding="utf-8")
    labels = None
    if served.labels:
        labels = _LABELS
        (folder / labels).write_text("\n".join(served.labels) + "\n", encoding="utf-8")
    return Layout(model=_MODEL, labels=labels, release=runtime.release)


def _input(served: Served) -> dict[str, object] | None:
    """The only input, and the order of its axes; None where the page cannot make it."""
    if len(served.inputs) != 1 or served.preprocess is None:
        return None
    entry = served.inputs[0]
    channels = served.preprocess.channels
    shape = _of_one(entry, served)
    if entry.dtype not in ("uint8", "float32") or len(shape) != 3:
        return None
    if shape[2] == channels and (served.form == "image" or shape[0] != channels):
        layout = "nhwc"
    elif shape[0] == channels:
        layout = "nchw"
    else:
        return None
    return {"name": entry.name, "dtype": entry.dtype, "layout": layout, "shape": shape}


def _of_one(tensor: TensorSpec, served: Served) -> tuple[int, ...]:
    """The sizes of one picture's tensor; empty where the batch is fixed to more than one."""
    if served.has_batch:
        return tensor.shape
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else ()


def _why_no_input(served: Served) -> str:
    if served.preprocess is None:
        return "nothing says how a picture becomes the network's input"
    given = ", ".join(f"`{shown(i.name)}`: {i.dtype} {i.shape}" for i in served.inputs)
    return f"it takes {given}"


def _drawn(served: Served) -> TensorSpec | None:
    """The output that is drawn: probabilities before others, those with labels before others."""
    candidates = [output for output in served.outputs if _is_one_a_class(output, served)]
    return min(
        candidates,
        key=lambda o: (o.name not in served.labelled, o.name not in served.probabilities),
        default=None,
    )


def _is_one_a_class(output: TensorSpec, served: Served) -> bool:
    shape = _of_one(output, served)
    is_vector = len(shape) >= 1 and shape[0] > 1 and set(shape[1:]) <= {1}
    return output.dtype == "float32" and is_vector


def _network(
    folder: Path,
    served: Served,
    taken: dict[str, object],
    preprocess: Preprocess,
    drawn: TensorSpec,
    runtime: BrowserRuntime,
) -> dict[str, object]:
    return {
        "name": served.name,
        "model": {"url": _MODEL, "bytes": (folder / _MODEL).stat().st_size},
        "runtime": {"version": runtime.release, "script": runtime.script, "wasm": runtime.wasm},
        "input": taken,
        "outputs": [output.model_dump(mode="json") for output in served.outputs],
        "shown": {"output": drawn.name, "is_probability": drawn.name in served.probabilities},
        "preprocess": page_steps(preprocess),
        "labels": served.labels,
    }


def page_steps(preprocess: Preprocess) -> dict[str, object]:
    """The steps as the page takes them: with the release of Pillow whose pixels it is to repeat."""
    release = [int(part) for part in PIL.__version__.split(".")[:2]]
    return {**preprocess.model_dump(mode="json"), "pillow": release}


def _write_page(folder: Path, served: Served, runtime: BrowserRuntime) -> None:
    values = {
        "@NAME@": html.escape(served.name),
        "@CSP@": _content_security_policy(runtime.network),
        "@RUNTIME@": runtime.network or "this folder",
    }
    for source in _page_files():
        content = source.read_bytes()
        if source.name in _TEMPLATES:
            text = content.decode("utf-8")
            for mark, value in values.items():
                text = text.replace(mark, value)
            content = text.encode("utf-8")
        (folder / source.name).write_bytes(content)


def _page_files() -> Iterator[Traversable]:
    page = files("archc.deploy.web") / "page"
    return (source for source in page.iterdir() if source.is_file())


def _content_security_policy(network: str | None) -> str:
    """What the page may load: its own files, WebAssembly, pictures that were given to it.

    A script from elsewhere is compared with its digest and then run as a blob, so that even then
    no other server is named among the scripts.
    """
    blob = "" if network is None else " blob:"
    elsewhere = "" if network is None else f" {network}"
    directives = (
        "default-src 'none'",
        f"script-src 'self' 'wasm-unsafe-eval'{blob}",
        f"worker-src 'self'{blob}",
        f"connect-src 'self'{elsewhere}",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(directives)
