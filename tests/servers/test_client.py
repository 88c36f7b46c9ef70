"""`archc call` and its clients against the real Triton server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from archc import api
from archc.deploy.manifest import read_manifest
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.model import open_model
from archc.runtime.predict import predict
from archc.serving.engines import Chosen
from archc.serving.server import RunningServer, ServerOptions
from archc.serving.start import serve_package
from tests.cli.conftest import Run, _process_as_before, run
from tests.servers.conftest import client_of

__all__ = ["_process_as_before", "run"]

pytestmark = pytest.mark.triton

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits"
PICTURES = sorted(DIGITS.glob("held_out/*.png"))
WAYS = ("http", "grpc")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits, as pixels and as encoded pictures, with three outputs."""
    folder = tmp_path_factory.mktemp("client") / "digits"
    api.pack(
        DIGITS / "digits.yaml",
        folder,
        weights=DIGITS / "lenet5_digits.safetensors",
        probabilities=True,
        features="f6",
        options=ServingOptions(ensemble=True),
    )
    return folder


@pytest.fixture(scope="module")
def server(triton: Chosen, package: Path) -> Iterator[RunningServer]:
    """Triton with digits alone, so that an address says which model is called."""
    reporter = Reporter()
    manifest = read_manifest(package, reporter)
    assert not isinstance(manifest, Failed)
    started = serve_package(package, manifest, triton, ServerOptions(), print, reporter)
    assert not isinstance(started, Failed), reporter.diagnostics
    with started:
        yield started


def by_onnx_runtime(package: Path, batch: np.ndarray) -> dict[str, np.ndarray]:
    model = open_model(package / "models/digits/1/model.onnx", Reporter())
    assert not isinstance(model, Failed)
    found = predict(model, {"image": batch}, Reporter())
    assert not isinstance(found, Failed)
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 5, 16])
def test_answers_are_those_of_onnx_runtime_bit_for_bit(
    server: RunningServer, package: Path, way: str, count: int
) -> None:
    batch = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 1), np.uint8)
    expected = by_onnx_runtime(package, batch)
    reporter = Reporter()
    with client_of(server, way) as made:
        found = made.infer("digits", {"image": batch}, reporter)
        some = made.infer("digits", {"image": batch}, reporter, outputs=["features"], version="1")
    assert not isinstance(found, Failed), reporter.diagnostics
    assert not isinstance(some, Failed), reporter.diagnostics
    assert sorted(found) == sorted(expected) == ["features", "logits", "probabilities"]
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()
    assert list(some) == ["features"]
    assert some["features"].tobytes() == expected["features"].tobytes()


@pytest.mark.parametrize("way", WAYS)
def test_the_server_is_described(server: RunningServer, way: str) -> None:
    reporter = Reporter()
    with client_of(server, way) as made:
        assert (made.is_live(), made.is_ready(), made.is_ready("digits")) == (True, True, True)
        assert not made.is_ready("nothing")
        assert not made.is_ready("digits", "7")
        about, models = made.server(reporter), made.models(reporter)
        info, config = made.metadata("digits", reporter), made.config("digits", reporter)
    assert not isinstance(about, Failed)
    assert not isinstance(models, Failed)
    assert not isinstance(info, Failed)
    assert not isinstance(config, Failed)
    assert {"binary_tensor_data", "classification"} <= set(about.extensions)
    assert {(m.name, m.state) for m in models} == {
        (name, "READY") for name in ("digits", "digits_pictures", "digits_preprocess")
    }
    assert info.inputs == (("image", "UINT8", (-1, 32, 32, 1)),)
    assert (config.max_batch_size, config.labelled) == (16, ("logits", "probabilities"))
    assert json.loads(config.parameters["archc.preprocess"])["resize"] == [32, 32]


@pytest.mark.parametrize("way", WAYS)
def test_classes_have_the_labels_of_the_package(
    server: RunningServer, package: Path, way: str
) -> None:
    batch = np.zeros((1, 32, 32, 1), np.uint8)
    (scores,) = by_onnx_runtime(package, batch)["logits"]
    with client_of(server, way) as made:
        found = made.infer("digits", {"image": batch}, Reporter(), outputs=["logits"], classes=2)
    assert not isinstance(found, Failed)
    best = np.argsort(-scores)[:2]
    assert [text.split(b":")[1:] for text in found["logits"][0]] == [
        [str(i).encode()] * 2 for i in best
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"image": np.zeros((1, 31, 32, 1), np.uint8)}, "unexpected shape for input 'image'"),
        ({"image": np.zeros((17, 32, 32, 1), np.uint8)}, "batch-size must be <= 16"),
        ({"image": np.zeros((1, 32, 32, 1), np.float32)}, "data-type is 'FP32'"),
        ({"picture": np.zeros((1, 32, 32, 1), np.uint8)}, "picture"),
    ],
    ids=["shape", "batch", "type", "name"],
)
def test_what_the_server_refuses_is_told_in_its_words(
    server: RunningServer, way: str, inputs: dict[str, np.ndarray], reason: str
) -> None:
    reporter = Reporter()
    with client_of(server, way) as made:
        assert isinstance(made.infer("digits", inputs, reporter), Failed)
        assert made.is_ready("digits")
    (found,) = reporter.diagnostics
    assert found.rule.slug == "server/refused"
    assert reason in found.notes[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments", [[], ["--encoded"], ["--output", "probabilities"]])
def test_pictures_are_named_as_archc_run_names_them(
    run: Run, server: RunningServer, package: Path, way: str, arguments: list[str]
) -> None:
    here = run("run", package / "models/digits/1/model.onnx", *PICTURES, "--format", "json")
    there = run("call", getattr(server, way), *PICTURES, *arguments, "--format", "json")
    assert (here.status, there.status, there.err) == (0, 0, "")
    expected, found = json.loads(here.out)["images"], json.loads(there.out)["images"]
    assert [one["image"] for one in found] == list(map(str, PICTURES))
    for mine, theirs in zip(expected, found, strict=True):
        assert [c["label"] for c in mine["classes"]] == [c["label"] for c in theirs["classes"]]
        assert [c["probability"] for c in theirs["classes"]] == pytest.approx(
            [c["probability"] for c in mine["classes"]], abs=1e-6
        )
    right = [one["classes"][0]["label"] == Path(one["image"]).name[0] for one in found]
    assert sum(right) > 0.9 * len(right)


@pytest.mark.parametrize("way", WAYS)
def test_kept_answers_verify_to_the_bit(
    run: Run, server: RunningServer, package: Path, way: str, tmp_path: Path
) -> None:
    kept = tmp_path / "answers.npz"
    assert run("call", getattr(server, way), *PICTURES[:16], "-o", kept).status == 0
    model = package / "models/digits/1/model.onnx"
    verified = run("verify", model, "--against", kept, "--tolerance", "0")
    assert (verified.status, verified.err) == (0, "")
    assert verified.out.count("equal enough, worst difference 0 ") == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_broken_file_is_reported_and_the_others_go_on(
    run: Run, server: RunningServer, way: str, tmp_path: Path
) -> None:
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"junk")
    for arguments in ([], ["--encoded"]):
        given = (PICTURES[0], junk, PICTURES[1])
        ran = run("call", getattr(server, way), *given, *arguments, "--top", "1")
        assert ran.status == 1
        assert ran.err.count("error[") == 1
        assert f"--> {junk}" in ran.err
        assert ran.out.splitlines()[::2] == [str(PICTURES[0]), str(PICTURES[1])]


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_is_not_there_is_told_with_those_that_are(
    run: Run, server: RunningServer, way: str
) -> None:
    ran = run("call", f"{getattr(server, way)}/v2/models/digit", PICTURES[0])
    assert ran.status == 1
    assert "error[call/no-model]: the server has no model `digit`" in ran.err
    assert "help: did you mean `digits`?" in ran.err
    other = run("call", getattr(server, way), PICTURES[0], "--model", "digits", "--version", "7")
    assert other.status == 1
    assert "error[server/refused]" in other.err
