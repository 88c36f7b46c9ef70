"""What goes wrong when a served model is called; the server is a function in the test."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.address import parse_address
from archc.serving.client.call import Call, open_call
from archc.serving.client.connect import connect
from archc.serving.client.endpoint import Wanted, find_endpoint
from archc.serving.client.kept import write_answers
from archc.serving.client.protocol import Client
from archc.serving.client.transport import Answer, TooLargeError, Transport
from tests.rendered.scenarios import Scene, scenario
from tests.rendered.scenarios.colours import put_package, put_picture
from tests.serving.client.loopback import Asked, Reply, as_json, inference
from tests.serving.client.served_models import Models, ServedModel, colours

URL = "http://localhost:8000"
SCORES = np.array([[3.0, 1.0, 0.5]], np.float32)


@contextmanager
def answering(behaviour: Callable[[Asked], object]) -> Iterator[None]:
    """Requests over HTTP are answered by a function instead of a server."""

    def request(
        _: Transport,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes],
        limit: int,
    ) -> Answer:
        found = behaviour(Asked(method, path, headers, b"".join(body)))
        assert isinstance(found, Reply)
        named = {name.lower(): value for name, value in found.headers.items()}
        return Answer(found.status, named, found.body)

    with patch.object(Transport, "request", request):
        yield


def _connected(reporter: Reporter, url: str = URL) -> Client:
    address = parse_address(url, reporter)
    assert not isinstance(address, Failed)
    client = connect(address.server, reporter)
    assert not isinstance(client, Failed)
    return client


def _asked(behaviour: Callable[[Asked], object]) -> Callable[[Path], Scene]:
    """One picture put to the model `colours` of a server."""

    def scene(_: Path) -> Scene:
        reporter = Reporter()
        picture = {"image": np.zeros((1, 8, 8, 3), np.uint8)}
        with answering(behaviour), _connected(reporter) as client:
            client.infer("colours", picture, reporter, outputs=["logits"])
        return reporter.diagnostics

    return scene


def _raising(error: Exception) -> Callable[[Asked], object]:
    def behaviour(_: Asked) -> object:
        raise error

    return behaviour


def _always(reply: Reply) -> Callable[[Asked], object]:
    return lambda _: reply


_NUMBERS = [{"name": "logits", "datatype": "FP32", "shape": [1, 3], "data": [3.0, 1.0, 0.5]}]
_TOO_LARGE_FOR_BATCH = as_json({"error": "batch-size must be <= 0 for 'colours'"}, 400)

scenario("server/unreachable")(_asked(_raising(ConnectionRefusedError(111, "Connection refused"))))
scenario("server/timeout")(_asked(_raising(TimeoutError())))
scenario("server/answer-too-large")(_asked(_raising(TooLargeError())))
scenario("server/malformed-answer")(_asked(_raising(http.client.BadStatusLine("SSH-2.0-OpenSSH"))))
scenario("server/refused")(_asked(_always(_TOO_LARGE_FOR_BATCH)))
scenario("server/missing-output")(_asked(_always(inference({"scores": SCORES}))))
scenario("server/datatype")(_asked(_always(inference({"logits": SCORES}, datatype="BF16"))))
scenario("server/no-binary-tensors")(_asked(_always(as_json({"outputs": _NUMBERS}))))


@scenario("server/address")
def address(folder: Path) -> Scene:
    """An address without its scheme."""
    return ["call", "localhost:8000", put_picture(folder)]


@scenario("server/no-grpc")
def no_grpc(folder: Path) -> Scene:
    """An archc without its extra for gRPC."""
    put_picture(folder)
    reporter = Reporter()
    parsed = parse_address("grpc://localhost:8001", reporter)
    assert not isinstance(parsed, Failed)
    missing = ModuleNotFoundError("No module named 'tritonclient'")
    with patch("archc.serving.client.connect.import_module", side_effect=missing):
        connect(parsed.server, reporter)
    return reporter.diagnostics


def _found(models: Models, wanted: Wanted) -> Callable[[Path], Scene]:
    """The model that is wanted of a server."""

    def scene(_: Path) -> Scene:
        reporter = Reporter()
        with answering(models), _connected(reporter) as client:
            find_endpoint(client, wanted, reporter)
        return reporter.diagnostics

    return scene


def _detector() -> ServedModel:
    return colours(outputs=[("boxes", "FP32", [-1, 100, 4])])


scenario("call/no-model")(
    _found(Models({"colours": colours(), "flowers": colours()}), Wanted(model=None))
)
scenario("call/input")(_found(Models({"colours": colours()}), Wanted("colours", encoded=True)))
scenario("call/output")(_found(Models({"boxes": _detector()}), Wanted("boxes")))


@scenario("call/two-models")
def two_models(folder: Path) -> Scene:
    """A model in the address, and another behind `--model`."""
    url = f"{URL}/v2/models/colours"
    return ["call", url, put_picture(folder), "--model", "flowers"]


@scenario("call/labels-file")
def labels_file(folder: Path) -> Scene:
    """A package that lost its labels."""
    labels = put_package(folder).labels
    (folder / "package" / (labels or "")).unlink()
    return ["call", URL, put_picture(folder), "--like", "package"]


def _called(models: Models, folder: Path, *, encoded: bool = False) -> Scene:
    """What is found when a picture is put to the only model of a server."""
    picture = Path(put_picture(folder))
    reporter = Reporter()
    with answering(models):
        call = open_call(URL, reporter, encoded=encoded)
        assert isinstance(call, Call), reporter.diagnostics
        (outcome,) = call.outcomes([picture])
    return outcome.diagnostics


@scenario("call/labels")
def labels(folder: Path) -> Scene:
    """A server whose file of labels lost one."""
    model = colours(labels=["red", "green"])

    def classes(asked: Asked) -> object:
        if "classification" in str(asked.body):
            texts = [b"3.0:0:red", b"1.0:1:green"]
            return inference({"logits": np.array([texts], object)})
        return Models({"colours": model})(asked)

    reporter = Reporter()
    picture = Path(put_picture(folder))
    with answering(classes):
        call = open_call(URL, reporter)
        assert isinstance(call, Call), reporter.diagnostics
        (outcome,) = call.outcomes([picture])
    return outcome.diagnostics


@scenario("call/no-scores")
def no_scores(folder: Path) -> Scene:
    """A model whose answer is not what it declares."""
    model = colours(run=lambda batch: {"logits": np.zeros((len(batch), 3, 2), np.float32)})
    return _called(Models({"colours": model}), folder)


@scenario("call/unreadable")
def unreadable(folder: Path) -> Scene:
    """A picture that another user may read and this one may not."""
    model = colours(inputs=[("picture", "BYTES", [-1, 1])])
    denied = PermissionError(13, "Permission denied")
    with patch.object(Path, "read_bytes", side_effect=denied):
        return _called(Models({"colours_pictures": model}), folder, encoded=True)


@scenario("call/not-written")
def not_written(_: Path) -> Scene:
    """Answers for pictures of two sizes, to one file."""
    reporter = Reporter()
    maps = [{"mask": np.zeros((3, side, side), np.float32)} for side in (32, 48)]
    write_answers(Path("answers.npz"), maps, reporter)
    return reporter.diagnostics
