"""Packages on the real Triton server: what it answers, how it batches, what it counts."""

from __future__ import annotations

import io
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import archc
from archc.deploy.package import Package
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.protocol import Tensor, Tensors
from archc.serving.proof import Proof, prove
from tests.deploy.packing import DIGITS, HELD_OUT
from tests.servers.conftest import Fleet
from tests.servers.kinds import KINDS

pytestmark = pytest.mark.triton

WAYS = ("http", "grpc")
TOLERANCE = 1e-5
"""Of the largest answer: the server's ONNX Runtime may be of another release than archc's."""

LABELS = [str(digit) for digit in range(10)]


def asked(fleet: Fleet, model: str, inputs: dict[str, Tensor], way: str = "http") -> Tensors:
    """The answer of a model."""
    reporter = Reporter()
    with fleet.client(way) as client:
        found = client.infer(model, inputs, reporter)
    assert not isinstance(found, Failed), reporter.diagnostics
    return found


def by_onnx_runtime(package: Package, batch: NDArray[np.generic], version: int = -1) -> Tensors:
    """What ONNX Runtime answers to the model's file."""
    session = archc.session(package.folder / package.manifest.versions[version].model)
    names = [output.name for output in session.get_outputs()]
    (entry,) = session.get_inputs()
    return dict(zip(names, session.run(names, {entry.name: batch}), strict=True))


def is_close(found: Tensors, wanted: Tensors) -> bool:
    return found.keys() == wanted.keys() and all(
        found[name].shape == wanted[name].shape
        and found[name].dtype == wanted[name].dtype
        and np.allclose(
            found[name].astype(np.float64),
            wanted[name].astype(np.float64),
            rtol=0,
            atol=TOLERANCE * float(np.abs(wanted[name].astype(np.float64)).max()),
        )
        for name in wanted
    )


def pixels(count: int, *sizes: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, *sizes), dtype=np.uint8)


def counted(fleet: Fleet, metric: str, model: str) -> float:
    """A counter of the server for a model, over its versions."""
    with urllib.request.urlopen(fleet.server.metrics) as answer:
        lines = answer.read().decode().splitlines()
    pattern = re.compile(rf'{metric}{{[^}}]*model="{model}"[^}}]*}} (\S+)')
    found = [float(match[1]) for line in lines if (match := pattern.match(line))]
    assert found, lines
    return sum(found)


@pytest.mark.parametrize("way", WAYS)
def test_every_model_is_ready(fleet: Fleet, way: str) -> None:
    with fleet.client(way) as client:
        assert client.is_ready()
        for name, package in fleet.packages.items():
            for version in package.manifest.versions:
                assert client.is_ready(name, str(version.number))
        assert client.is_ready("digits_pictures")
        assert not client.is_ready("digits", "2")
        assert not client.is_ready("digit")


@pytest.mark.parametrize("model", ["digits", "pair", "half", "twins"])
def test_the_golden_samples_are_proved_by_every_way(fleet: Fleet, model: str) -> None:
    reporter = Reporter()
    proof = prove(fleet.packages[model].folder, fleet.server, reporter)
    assert isinstance(proof, Proof), reporter.diagnostics
    ways = {"HTTP", "gRPC"} | ({"pictures over HTTP"} if model == "digits" else set())
    assert set(proof.ways) == ways
    assert proof.versions == ((1, 2) if model == "twins" else (1,))
    assert proof.worst <= TOLERANCE


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 7, 16])
def test_answers_equal_those_of_onnx_runtime(fleet: Fleet, way: str, count: int) -> None:
    batch = pixels(count, 32, 32, 1)
    found = asked(fleet, "digits", {"image": batch}, way)
    assert is_close(found, by_onnx_runtime(fleet.packages["digits"], batch))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("model", "dtype", "sizes"), [("pair", "float32", (9, 40)), ("half", "float16", (24, 24))]
)
def test_networks_with_two_outputs_and_floats_in(
    fleet: Fleet, way: str, model: str, dtype: str, sizes: tuple[int, int]
) -> None:
    batch = np.random.default_rng(0).standard_normal((3, 3, *sizes)).astype(dtype)
    found = asked(fleet, model, {"image": batch}, way)
    assert set(found) == {"logits", "features"}
    assert is_close(found, by_onnx_runtime(fleet.packages[model], batch))


def test_one_output_of_two_may_be_asked_for(fleet: Fleet) -> None:
    batch = np.zeros((1, 3, 24, 24), np.float32)
    with fleet.client() as client:
        found = client.infer("pair", {"image": batch}, Reporter(), outputs=["features"])
    assert not isinstance(found, Failed)
    assert set(found) == {"features"}


@pytest.mark.parametrize("way", WAYS)
def test_every_element_type_comes_back_as_it_went(fleet: Fleet, way: str) -> None:
    batch = {name: np.array([[0, 1], [1, 0], [1, 1]]).astype(name) for name in KINDS}
    found = asked(fleet, "kinds", dict(batch), way)
    for name, array in batch.items():
        assert found[f"{name}_out"].dtype == array.dtype
        assert np.array_equal(found[f"{name}_out"], array)


def test_labels_come_with_the_best_classes(fleet: Fleet) -> None:
    batch = pixels(2, 32, 32, 1)
    scores = by_onnx_runtime(fleet.packages["digits"], batch)["logits"]
    with fleet.client() as client:
        found = client.infer("digits", {"image": batch}, Reporter(), outputs=["logits"], classes=3)
    assert not isinstance(found, Failed)
    for row, texts in zip(scores, found["logits"], strict=True):
        parts = [text.decode().split(":") for text in texts]
        assert [int(index) for _, index, _ in parts] == np.argsort(-row)[:3].tolist()
        assert all(label == LABELS[int(index)] for _, index, label in parts)


def test_eight_parallel_requests_share_batches(fleet: Fleet) -> None:
    names = ("nv_inference_request_success", "nv_inference_exec_count")
    before = [counted(fleet, name, "patient") for name in names]
    batches = [pixels(1, 32, 32, 1) + np.uint8(index) for index in range(8)]
    together = Barrier(len(batches))

    def ask(batch: NDArray[np.uint8]) -> Tensors:
        together.wait()
        return asked(fleet, "patient", {"image": batch})

    with ThreadPoolExecutor(len(batches)) as threads:
        answers = list(threads.map(ask, batches))
    for batch, answer in zip(batches, answers, strict=True):
        assert is_close(answer, by_onnx_runtime(fleet.packages["patient"], batch))
    after = [counted(fleet, name, "patient") for name in names]
    requests, runs = (a - b for a, b in zip(after, before, strict=True))
    assert requests == 8
    assert 1 <= runs < 8


def test_requests_of_other_sizes_are_kept_apart_and_errors_too(fleet: Fleet) -> None:
    generator = np.random.default_rng(3)
    sizes = [(8, 8), (8, 9), (2, 2), (8, 8), (20, 8), (2, 2), (8, 9), (8, 8)]
    batches = [generator.standard_normal((2, 3, *s)).astype(np.float32) for s in sizes]

    def ask(batch: NDArray[np.float32]) -> Tensors | Failed:
        with fleet.client() as client:
            return client.infer("pair", {"image": batch}, Reporter())

    with ThreadPoolExecutor(len(batches)) as threads:
        answers = list(threads.map(ask, batches))
    for batch, answer in zip(batches, answers, strict=True):
        if batch.shape[-1] == 2:  # smaller than the kernel
            assert isinstance(answer, Failed)
            continue
        assert not isinstance(answer, Failed)
        assert is_close(answer, by_onnx_runtime(fleet.packages["pair"], batch))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("batch", "why"),
    [
        (pixels(1, 28, 28, 1), "shape"),
        (pixels(1, 32, 32), "shape"),
        (pixels(17, 32, 32, 1), "batch"),
        (pixels(1, 32, 32, 1).astype(np.float32), "data-type|datatype|UINT8"),
    ],
)
def test_a_wrong_tensor_is_refused_with_its_reason(
    fleet: Fleet, way: str, batch: NDArray[np.generic], why: str
) -> None:
    reporter = Reporter()
    with fleet.client(way) as client:
        found = client.infer("digits", {"image": batch}, reporter)
        assert client.is_ready("digits")
    assert isinstance(found, Failed)
    (diagnostic,) = reporter.diagnostics
    assert diagnostic.rule.slug == "server/refused"
    assert re.search(why, " ".join((diagnostic.message, *diagnostic.notes)))
    assert re.search("400|invalid argument", diagnostic.message)


def _jpeg() -> bytes:
    file = io.BytesIO()
    with Image.open(DIGITS.parent / "edges" / "picture.jpg") as picture:
        picture.resize((90, 70)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("way", WAYS)
def test_encoded_pictures_are_answered_like_their_pixels(fleet: Fleet, way: str) -> None:
    from archc.runtime.pixels import PixelSteps, decode, to_pixels

    files = [HELD_OUT[0].read_bytes(), _jpeg(), HELD_OUT[-1].read_bytes()]
    steps = PixelSteps((32, 32), None, "bilinear", True, "gray")
    batch = np.stack([to_pixels(decode(data), steps) for data in files])
    found = asked(fleet, "digits_pictures", {"picture": files}, way)
    assert is_close(found, by_onnx_runtime(fleet.packages["digits"], batch))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("junk", [b"", b"junk", b"\xff\xd8\xff\xe0" * 9, _jpeg()[:200], b"GIF89a"])
def test_junk_bytes_are_the_clients_mistake(fleet: Fleet, way: str, junk: bytes) -> None:
    reporter = Reporter()
    with fleet.client(way) as client:
        found = client.infer("digits_pictures", {"picture": [junk]}, reporter)
        assert isinstance(found, Failed)
        (diagnostic,) = reporter.diagnostics
        assert diagnostic.rule.slug == "server/refused"
        assert re.search(r"\b4\d\d\b|invalid argument", diagnostic.message)
        good = client.infer("digits_pictures", {"picture": [_jpeg()]}, reporter)
    assert not isinstance(good, Failed)


def test_two_versions_are_served_beside_each_other(fleet: Fleet) -> None:
    batch = pixels(2, 32, 32, 1)
    answers = {}
    with fleet.client() as client:
        for version in ("1", "2", None):
            found = client.infer("twins", {"image": batch}, Reporter(), version=version)
            assert not isinstance(found, Failed)
            answers[version] = found
    for index, version in enumerate(("1", "2")):
        assert is_close(answers[version], by_onnx_runtime(fleet.packages["twins"], batch, index))
    assert not is_close(answers["1"], answers["2"])
    assert is_close(answers[None], answers["2"])


@pytest.mark.parametrize("way", WAYS)
def test_metrics_count_samples_and_failures(fleet: Fleet, way: str) -> None:
    before = counted(fleet, "nv_inference_count", "half")
    asked(fleet, "half", {"image": np.zeros((5, 3, 24, 24), np.float16)}, way)
    assert counted(fleet, "nv_inference_count", "half") == before + 5


def test_a_proof_fails_where_an_answer_is_another(fleet: Fleet, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "digits"
    shutil.copytree(fleet.packages["digits"].folder, folder)
    path = folder / fleet.packages["digits"].manifest.versions[0].golden
    with np.load(path) as known:
        arrays = dict(known)
    arrays["logits"] = arrays["logits"] + np.float32(0.01)
    np.savez(path, allow_pickle=False, **arrays)
    reporter = Reporter()
    assert isinstance(prove(folder, fleet.server, reporter), Failed)
    assert [d.rule.slug for d in reporter.diagnostics] == ["serve/other-answers"]
