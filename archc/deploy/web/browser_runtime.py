"""ONNX Runtime Web: its two files, from a folder on this machine or from a network.

The script `ort.wasm.bundle.min.mjs` holds everything but the WebAssembly, which threads share. The
files of the pinned release come from jsDelivr, which hands out npm's packages as they are; the
page runs them only when their SHA-384 is that of the package onnxruntime-web.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from archc.deploy.served import ServingOptions
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

RUNTIME = Rule(
    "web/runtime",
    "a folder does not have the browser's runtime",
    "The page needs two files of onnxruntime-web that fit each other; without them it stays empty.",
)
RELEASE = Rule(
    "web/release",
    "a release of onnxruntime-web is asked for that is not at hand",
    "What a page fetches from a network is run only when its digest is known beforehand.",
)

RUNTIME_RELEASE = "1.30.0"
"""The onnxruntime-web that pages fetch, and that they are tested with."""

OLDEST_RELEASE = (1, 23)
"""The first onnxruntime-web whose bundle needs nothing but the WebAssembly that it is given."""

NETWORK = "https://cdn.jsdelivr.net"

_SCRIPT = "ort.wasm.bundle.min.mjs"
_WASM = "ort-wasm-simd-threaded.wasm"
_FOLDER = "ort"
# Servers that know `.mjs` are fewer than those that know `.js`, and browsers insist on the type.
_NAMES = {_SCRIPT: "ort.wasm.bundle.min.js", _WASM: _WASM}
_SCRIPT_DIGEST = "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG"
_WASM_DIGEST = "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM"
_WASM_BYTES = 14_239_897
_BANNER = re.compile(rb"ONNX Runtime Web v(?P<release>(\d+)\.(\d+)\.\d+[\w.+-]*)")
_BANNER_BYTES = 512
_WASM_MAGIC = b"\0asm"


class BrowserRuntime(NamedTuple):
    """Where a page finds its runtime.

    Attributes:
        release: the release of onnxruntime-web.
        network: the address of another server that it comes from; None where it is in the package.
        script: the script, as `network.json` has it.
        wasm: the WebAssembly, as `network.json` has it.
    """

    release: str
    network: str | None
    script: Mapping[str, object]
    wasm: Mapping[str, object]


def browser_runtime(
    folder: Path, options: ServingOptions, place: Place, reporter: Reporter
) -> BrowserRuntime | Failed:
    """The runtime of a page; where the options name a folder, its files are copied into the page's.

    Reports: web/runtime, web/release.
    """
    if options.browser_runtime is None:
        return _from_network(options.release, place, reporter)
    source = options.browser_runtime
    if (source / "dist").is_dir():
        source /= "dist"
    release = _read_release(source, reporter)
    if isinstance(release, Failed):
        return release
    if options.release not in (None, release):
        return reporter.error(
            RELEASE,
            f"`{shown(str(source))}` is onnxruntime-web {release}, not "
            f"`{shown(str(options.release))}`",
            file_place(str(source)),
            helps=(f"write `--target web:{release}`, or leave the release out",),
        )
    (folder / _FOLDER).mkdir()
    for name, copied in _NAMES.items():
        shutil.copyfile(source / name, folder / _FOLDER / copied)
    script, wasm = (f"{_FOLDER}/{copied}" for copied in _NAMES.values())
    wasm_bytes = (folder / wasm).stat().st_size
    return BrowserRuntime(release, None, {"url": script}, {"url": wasm, "bytes": wasm_bytes})


def _from_network(release: str | None, place: Place, reporter: Reporter) -> BrowserRuntime | Failed:
    if release not in (None, RUNTIME_RELEASE):
        return reporter.error(
            RELEASE,
            f"the digests of onnxruntime-web `{shown(release)}` are not known",
            place,
            notes=(f"those of {RUNTIME_RELEASE} are",),
            helps=(
                "leave the release out, or name a folder that has it: "
                "`--browser-runtime node_modules/onnxruntime-web/dist`",
            ),
        )
    home = f"{NETWORK}/npm/onnxruntime-web@{RUNTIME_RELEASE}/dist"
    return BrowserRuntime(
        RUNTIME_RELEASE,
        NETWORK,
        {"url": f"{home}/{_SCRIPT}", "integrity": _SCRIPT_DIGEST},
        {"url": f"{home}/{_WASM}", "integrity": _WASM_DIGEST, "bytes": _WASM_BYTES},
    )


def _read_release(source: Path, reporter: Reporter) -> str | Failed:
    try:
        with (source / _SCRIPT).open("rb") as file:
            banner = _BANNER.search(file.read(_BANNER_BYTES))
        with (source / _WASM).open("rb") as file:
            is_wasm = file.read(len(_WASM_MAGIC)) == _WASM_MAGIC
    except OSError as error:
        name = Path(error.filename or source).name
        return _no_runtime(source, f"`{name}`: {(error.strerror or str(error)).lower()}", reporter)
    if banner is None:
        return _no_runtime(source, f"`{_SCRIPT}` does not say that it is ONNX Runtime", reporter)
    release = banner["release"].decode()
    if (int(banner[2]), int(banner[3])) < OLDEST_RELEASE:
        oldest = ".".join(map(str, OLDEST_RELEASE))
        return _no_runtime(source, f"it is release {release}, older than {oldest}", reporter)
    if not is_wasm:
        return _no_runtime(source, f"`{_WASM}` is no WebAssembly", reporter)
    return release


def _no_runtime(source: Path, why: str, reporter: Reporter) -> Failed:
    return reporter.error(
        RUNTIME,
        f"`{shown(str(source))}` does not have the files of onnxruntime-web",
        file_place(str(source)),
        notes=(why,),
        helps=(
            f"install them: `npm install --ignore-scripts onnxruntime-web@{RUNTIME_RELEASE}`, "
            "and name `node_modules/onnxruntime-web/dist`",
        ),
    )
