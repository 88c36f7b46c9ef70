"""The real MLServer serves packages as they are; run by `make mlserver`."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from archc.deploy.package import Package
from archc.deploy.served import ServingOptions
from tests.deploy.packing import packed
from tests.servers.mlserver_process import Running, running

pytestmark = [
    pytest.mark.mlserver,
    # tritonclient reads the name of a class in a way that NumPy is leaving behind.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

Array = NDArray[Any]
V2 = {"uint8": "UINT8", "float32": "FP32", "float16": "FP16"}
LONG_ENOUGH_TO_MEET = 300_000
"""Microseconds that requests wait for each other in the tests of batches."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    options = ServingOptions(max_batch_size=8, max_queue_delay_us=LONG_ENOUGH_TO_MEET)
    return packed("mlserver", tmp_path_factory.mktemp("package") / "p", options=options)


@pytest.fixture(scope="module")
def server(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(package.folder, "digits", tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="module")
def golden(package: Package) -> dict[str, Array]:
    return dict(np.load(package.folder / package.manifest.versions[0].golden))


def ask_grpc(server: Running, images: Array, *, model: str = "digits") -> Array:
    from tritonclient import grpc

    with grpc.InferenceServerClient(server.grpc) as client:
        entry = grpc.InferInput("image", images.shape, V2[images.dtype.name])
        entry.set_data_from_numpy(images)
        answer: Array = client.infer(model, [entry]).as_numpy("logits")
        return answer


def ask_http(server: Running, body: object, *, model: str = "digits") -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://{server.http}/v2/models/{model}/infer",
        data=data,
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def runs_and_samples(server: Running) -> tuple[int, int]:
    """How often the model ran until now, and on how many samples."""
    with urllib.request.urlopen(f"http://{server.metrics}/metrics") as response:
        lines = response.read().decode().splitlines()
    values = {line.split("{")[0]: float(line.split()[-1]) for line in lines if "{" in line}
    names = ("archc_run_samples_count", "archc_run_samples_sum")
    runs, samples = (int(values.get(name, 0)) for name in names)
    return runs, samples


def tensor(images: Array, **changes: object) -> dict[str, object]:
    datatype = V2[images.dtype.name]
    values = {"name": "image", "datatype": datatype, "shape": list(images.shape)}
    return {**values, "data": images.ravel().tolist(), **changes}


def test_grpc_gives_the_golden_answers(server: Running, golden: dict[str, Array]) -> None:
    assert np.array_equal(ask_grpc(server, golden["image"]), golden["logits"])


def test_http_gives_the_golden_answers(server: Running, golden: dict[str, Array]) -> None:
    status, answer = ask_http(server, {"inputs": [tensor(golden["image"])]})
    assert status == 200
    assert (answer["model_name"], answer["model_version"]) == ("digits", "1")
    (logits,) = answer["outputs"]
    assert (logits["name"], logits["datatype"]) == ("logits", "FP32")
    found = np.array(logits["data"], np.float32).reshape(logits["shape"])
    assert np.array_equal(found, golden["logits"])


def test_nested_lists_are_taken_too(server: Running, golden: dict[str, Array]) -> None:
    nested = tensor(golden["image"], data=golden["image"].tolist())
    status, answer = ask_http(server, {"inputs": [nested], "outputs": [{"name": "logits"}]})
    assert status == 200
    assert answer["outputs"][0]["shape"] == list(golden["logits"].shape)


def test_the_metadata_names_the_classes(server: Running) -> None:
    from tritonclient import grpc

    with urllib.request.urlopen(f"http://{server.http}/v2/models/digits") as response:
        metadata = json.load(response)
    assert metadata["versions"] == ["1"]
    assert [(entry["name"], entry["shape"]) for entry in metadata["inputs"]] == [
        ("image", [-1, 32, 32, 1])
    ]
    labels = json.loads(metadata["outputs"][0]["parameters"]["labels"])
    assert labels == [str(digit) for digit in range(10)]
    with grpc.InferenceServerClient(server.grpc) as client:
        assert client.get_model_metadata("digits").outputs[0].shape == [-1, 10]


def test_requests_that_arrive_together_are_one_run(
    server: Running, golden: dict[str, Array]
) -> None:
    images, logits = golden["image"], golden["logits"]
    before = runs_and_samples(server)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda k: ask_grpc(server, images[k % 4 : k % 4 + 1]), range(16)))
    # Sums of a batch are taken in another order than those of one sample.
    for index, answer in enumerate(answers):
        assert np.allclose(answer, logits[index % 4 : index % 4 + 1], rtol=0, atol=1e-5)
    after = runs_and_samples(server)
    assert after[1] - before[1] == 16
    # Sixteen threads of a client do not ask at the same instant; most of them meet.
    assert 2 <= after[0] - before[0] <= 8


def test_a_malformed_request_fails_alone(server: Running, golden: dict[str, Array]) -> None:
    images = golden["image"]
    narrow = np.zeros((1, 32, 31, 1), np.uint8)
    wide = np.zeros((1, 32, 33, 1), np.uint8)

    def ask(index: int) -> Array | str:
        given = {3: narrow, 5: wide}.get(index, images[:1])
        try:
            return ask_grpc(server, given)
        except Exception as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    for index, answer in enumerate(answers):
        if index in {3, 5}:
            assert isinstance(answer, str)
            assert "the model takes [-1, 32, 32, 1]" in answer
        else:
            assert isinstance(answer, np.ndarray)
            assert np.allclose(answer, golden["logits"][:1], rtol=0, atol=1e-5)


IMAGE = np.zeros((1, 32, 32, 1), np.uint8)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([], "the model takes ['image']"),
        ([tensor(IMAGE, name="picture")], "the model takes ['image']"),
        ([tensor(IMAGE), tensor(IMAGE, name="other")], "the model takes ['image']"),
        ([tensor(IMAGE), tensor(IMAGE)], "the model takes ['image']"),
        ([tensor(IMAGE.astype(np.float32))], "is FP32, and the model takes UINT8"),
        ([tensor(IMAGE, shape=[32, 32, 1])], "has the shape [32, 32, 1]"),
        ([tensor(IMAGE, shape=[0, 32, 32, 1], data=[])], "has the shape [0, 32, 32, 1]"),
        ([tensor(IMAGE, data=[0] * 7)], "7 elements"),
        ([tensor(IMAGE, data=[256] + [0] * 1023)], "out of the range of UINT8"),
        ([tensor(IMAGE, data=[-1] + [0] * 1023)], "out of the range of UINT8"),
        ([tensor(IMAGE, data=[0.5] + [0] * 1023)], "is not UINT8"),
        ([tensor(IMAGE, data=["a"] * 1024)], "is not UINT8"),
        ([tensor(IMAGE, data=[None] * 1024)], "is not UINT8"),
        ([tensor(IMAGE, data=[[0], [0, 0]])], "no array of numbers"),
        ([tensor(np.zeros((9, 32, 32, 1), np.uint8))], "the batch has 9 samples"),
    ],
)
def test_a_wrong_request_is_answered_400(
    server: Running, inputs: list[dict[str, object]], says: str, golden: dict[str, Array]
) -> None:
    status, answer = ask_http(server, {"inputs": inputs})
    assert status == 400
    assert says in answer["error"]
    assert np.array_equal(ask_grpc(server, golden["image"]), golden["logits"])


def test_an_unknown_output_is_answered_400(server: Running) -> None:
    body = {"inputs": [tensor(IMAGE)], "outputs": [{"name": "scores"}]}
    status, answer = ask_http(server, body)
    assert status == 400
    assert "there is no output 'scores'" in answer["error"]


@pytest.mark.parametrize("body", [b"", b"junk", b"{}", b'{"inputs": 3}', b"[" * 100_000])
def test_junk_leaves_the_server_answering(
    server: Running, body: bytes, golden: dict[str, Array]
) -> None:
    status, _ = ask_http(server, body)
    assert 400 <= status < 500
    assert np.array_equal(ask_grpc(server, golden["image"]), golden["logits"])


def test_metrics_are_counted(server: Running, golden: dict[str, Array]) -> None:
    ask_http(server, {"inputs": [tensor(golden["image"])]})
    with urllib.request.urlopen(f"http://{server.metrics}/metrics") as response:
        text = response.read().decode()
    assert 'model_infer_request_success_total{model="digits"' in text


def test_a_terminated_server_ends_well(tmp_path: Path) -> None:
    package = packed("mlserver", tmp_path / "p")
    with running(package.folder, "digits", tmp_path) as started:
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(30) == 0


def test_floats_of_many_sizes_are_served(tmp_path: Path) -> None:
    package = packed("mlserver", tmp_path / "p", network="mobilenet_v2", form="tensor")
    known = dict(np.load(package.folder / package.manifest.versions[0].golden))
    with running(package.folder, "mobilenet_v2", tmp_path) as started:
        answer = ask_grpc(started, known["image"], model="mobilenet_v2")
        assert np.array_equal(answer, known["logits"])
        small = ask_grpc(started, known["image"][:, :, :64, :96].copy(), model="mobilenet_v2")
        assert small.shape == known["logits"].shape


def test_half_precision_is_served(tmp_path: Path) -> None:
    from tests.deploy.half_precision import half_precision_package

    package, images, logits = half_precision_package(tmp_path / "p")
    with running(package, "half", tmp_path) as started:
        assert np.array_equal(ask_grpc(started, images, model="half"), logits)
        status, answer = ask_http(started, {"inputs": [tensor(images)]}, model="half")
    assert status == 200
    assert answer["outputs"][0]["datatype"] == "FP16"
    assert np.array_equal(np.array(answer["outputs"][0]["data"], np.float16), logits.ravel())
