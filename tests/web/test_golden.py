"""The whole page in Chromium against ONNX Runtime: decoding, preprocessing, network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from archc.api import pack
from archc.deploy.manifest import read_manifest
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.model import open_model
from archc.runtime.predict import predict
from tests.deploy.packing import packed
from tests.web.browsing import RUNTIME, Browser, FolderServer
from tests.web.pictures import write_pictures

pytestmark = pytest.mark.web

TOLERANCE = 1e-4
NETWORK = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/"
OWN = ServingOptions(browser_runtime=RUNTIME)


def declared_headers(folder: Path) -> dict[str, str]:
    """What the package tells static hosts to send."""
    lines = (folder / "_headers").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "/*"
    return dict(line.strip().split(": ", 1) for line in lines[1:])


def checked(browser: Browser, server: FolderServer, query: str = "", **opened: object) -> Any:
    """What the page finds when it runs its golden samples, which it also posts."""
    browser.do("open", url=f"{server.url}?golden&report=/result{query}", **opened)
    browser.do("until", expression="window.archcResult")
    result = browser.do("value", expression="window.archcResult")
    if "error" not in result:
        assert server.posted[-1] == json.loads(json.dumps(result))
    return result


def known_answers(folder: Path) -> dict[str, NDArray[np.generic]]:
    """What ONNX Runtime answers now to the golden inputs of a package."""
    reporter = Reporter()
    manifest = read_manifest(folder, reporter)
    assert not isinstance(manifest, Failed)
    model = open_model(folder / manifest.versions[-1].model, reporter)
    assert not isinstance(model, Failed)
    name = model.inputs[0].name
    answers = predict(model, {name: np.load(folder / manifest.versions[-1].golden)[name]}, reporter)
    assert not isinstance(answers, Failed)
    return answers


def assert_answers(result: Any, folder: Path) -> None:
    assert result["verdict"] == "equal", result
    known = known_answers(folder)
    for row, picture in enumerate(result["pictures"]):
        assert picture["input"]["differing"] == 0, picture
        assert set(picture["answers"]) == set(known)
        for name, values in picture["answers"].items():
            wanted = known[name][row].reshape(-1)
            apart = np.abs(np.array(values) - wanted).max() / np.abs(wanted).max()
            assert apart <= TOLERANCE, (picture["path"], name)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("network", ["digits", "mobilenet_v2"])
def test_the_page_answers_as_onnx_runtime(
    browser: Browser, tmp_path: Path, network: str, threads: int
) -> None:
    folder = tmp_path / "page"
    packed("web", folder, network=network, options=OWN)
    headers = declared_headers(folder) if threads > 1 else {}
    with FolderServer(folder, headers) as server:
        result = checked(browser, server, f"&threads={threads}")
        assert browser.do("complaints") == []
    assert (result["threads"], result["isolated"]) == (threads, threads > 1)
    assert_answers(result, folder)


def test_the_page_takes_floats_too(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    packed("web", folder, network="mobilenet_v1_025", form="tensor", options=OWN)
    with FolderServer(folder) as server:
        assert_answers(checked(browser, server), folder)
        assert browser.do("complaints") == []


def test_every_kind_of_picture_is_decoded_as_in_archc(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    folder = tmp_path / "page"
    pictures = write_pictures(tmp_path / "pictures")
    pack(
        "mobilenet_v1_025", folder, target="web", pictures=pictures, probabilities=True, options=OWN
    )
    with FolderServer(folder) as server:
        result = checked(browser, server)
    differing = {
        pictures[row].name: picture["input"]
        for row, picture in enumerate(result["pictures"])
        if picture["input"]["differing"]
    }
    assert differing == {}
    assert len(result["pictures"]) == len(pictures)
    assert_answers(result, folder)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_runtime_comes_from_the_network_where_it_is_not_packed(
    browser: Browser, digits_from_network: Path, threads: int
) -> None:
    headers = declared_headers(digits_from_network) if threads > 1 else {}
    with FolderServer(digits_from_network, headers) as server:
        query = f"&threads={threads}"
        result = checked(browser, server, query, folders={NETWORK: f"{RUNTIME}/"})
        assert browser.do("complaints") == []
    assert result["threads"] == threads
    assert_answers(result, digits_from_network)


@pytest.mark.parametrize("name", ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"])
def test_a_changed_runtime_from_the_network_is_not_run(
    browser: Browser, digits_from_network: Path, tmp_path: Path, name: str
) -> None:
    for file in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copyfile(RUNTIME / file, tmp_path / file)
    with (tmp_path / name).open("ab") as changed:
        changed.write(b" ")
    with FolderServer(digits_from_network) as server:
        result = checked(browser, server, folders={NETWORK: f"{tmp_path}/"})
    assert name in result["error"]
    assert "is not what it should be" in result["error"]


def test_other_answers_are_noticed(browser: Browser, digits: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(digits, folder)
    known = dict(np.load(folder / "golden" / "1.npz"))
    known["logits"][2, 3] += 2e-4 * np.abs(known["logits"][2]).max()
    np.savez_compressed(folder / "golden" / "1.npz", allow_pickle=False, **known)
    with FolderServer(folder) as server:
        result = checked(browser, server)
    assert result["verdict"] == "different"
    wrong = [p["fromInput"]["logits"]["relative"] > TOLERANCE for p in result["pictures"]]
    assert wrong == [False, False, True, False]


def test_another_picture_is_noticed(browser: Browser, digits: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(digits, folder)
    pictures = sorted((folder / "golden" / "pictures").iterdir())
    shutil.copyfile(pictures[0], pictures[1])
    with FolderServer(folder) as server:
        result = checked(browser, server)
    assert result["verdict"] == "decoded"
    assert [p["input"]["differing"] > 0 for p in result["pictures"]] == [False, True, False, False]


def test_a_network_that_is_cut_short_is_told(
    browser: Browser, digits: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(digits, folder)
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:-100])
    with FolderServer(folder) as server:
        assert "`model.onnx` has" in checked(browser, server)["error"]
        assert browser.texts("#status")[0].startswith("`model.onnx` has")
