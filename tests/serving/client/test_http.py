"""The client over HTTP, against servers on loopback that do as they should or not at all."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client import http as http_client
from archc.serving.client.address import Address
from archc.serving.client.answers import (
    MalformedAnswerError,
    read_config,
    read_index,
    read_inference,
    read_model,
    read_server,
)
from archc.serving.client.http import HttpClient
from archc.serving.client.protocol import Client, ModelState, ServerInfo, TensorInfo
from archc.serving.client.tensors import MalformedTensorError, UnknownDatatypeError
from tests.serving.client.loopback import (
    Answered,
    Asked,
    Behaviour,
    Drip,
    Loopback,
    Raw,
    Reply,
    as_json,
    inference,
    serving,
)

X = np.arange(12, dtype=np.float32).reshape(3, 4)
SCORES = np.array([[1.5, -2.0], [0.0, np.inf], [3.0, 1e-40]], np.float32)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def always(answer: Answered) -> Behaviour:
    return lambda _: answer


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(always(inference({"scores": SCORES}))) as running:
        yield running


def client(server: Loopback, seconds: float = 20.0) -> HttpClient:
    return HttpClient(server.address, seconds=seconds)


def infer(made: Client, outputs: tuple[str, ...] = ("scores",)) -> Diagnostic:
    """The one mistake that an inference ends with."""
    reporter = Reporter()
    with made:
        assert isinstance(made.infer("m", {"x": X}, reporter, outputs=outputs), Failed)
    (found,) = reporter.diagnostics
    return found


def test_tensors_go_and_come_as_binary_data(server: Loopback) -> None:
    with client(server) as made:
        found = made.infer("m", {"x": X}, Reporter(), outputs=["scores"], version="3")
    assert not isinstance(found, Failed)
    assert list(found) == ["scores"]
    assert found["scores"].tobytes() == SCORES.tobytes()
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v2/models/m/versions/3/infer")
    assert asked.headers["Content-Type"] == "application/octet-stream"
    assert np.array_equal(asked.tensor(), X)
    assert asked.document["outputs"] == [{"name": "scores", "parameters": {"binary_data": True}}]
    assert "data" not in asked.document["inputs"][0]


def test_all_outputs_and_classes_can_be_asked_for(server: Loopback) -> None:
    with client(server) as made:
        made.infer("m", {"x": X}, Reporter())
        made.infer("m", {"x": X}, Reporter(), outputs=["scores"], classes=7)
    first, second = server.asked
    assert "outputs" not in first.document
    assert first.document["parameters"] == {"binary_data_output": True}
    (output,) = second.document["outputs"]
    assert output["parameters"] == {"binary_data": True, "classification": 7}


def test_byte_strings_are_sent_one_a_sample(server: Loopback) -> None:
    with client(server) as made:
        made.infer("m", {"picture": [b"\xff\xd8", b"PNG"]}, Reporter())
    (entry,) = server.asked[0].document["inputs"]
    assert (entry["datatype"], entry["shape"]) == ("BYTES", [2, 1])
    assert server.asked[0].tensor().tolist() == [[b"\xff\xd8"], [b"PNG"]]


def test_one_connection_serves_all_requests(server: Loopback) -> None:
    with client(server) as made:
        for _ in range(3):
            assert not isinstance(made.infer("m", {"x": X}, Reporter()), Failed)
        assert made.is_ready("m")
    assert len(server.asked) == 4
    assert server.connections == 1


def test_a_connection_that_the_server_closed_meanwhile_is_opened_again() -> None:
    answers: Iterator[Answered] = iter(
        [inference({"scores": SCORES}), Raw(b""), inference({"scores": SCORES})]
    )
    with serving(lambda _: next(answers)) as server, client(server) as made:
        for _ in range(2):
            assert not isinstance(made.infer("m", {"x": X}, Reporter()), Failed)
        assert server.connections == 2


def test_a_server_that_closes_after_each_answer_is_called_again() -> None:
    closing = inference({"scores": SCORES})._replace
    headers = {**inference({"scores": SCORES}).headers, "Connection": "close"}
    with serving(always(closing(headers=headers))) as server, client(server) as made:
        for _ in range(2):
            found = made.infer("m", {"x": X}, Reporter())
            assert not isinstance(found, Failed)
            assert found["scores"].tobytes() == SCORES.tobytes()


def test_an_answer_in_chunks_is_read() -> None:
    body = inference({"scores": SCORES}).body
    length = inference({"scores": SCORES}).headers["Inference-Header-Content-Length"]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in (body[:50], body[50:])) + b"0\r\n\r\n"
    head = (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        f"Inference-Header-Content-Length: {length}\r\n\r\n"
    )
    with serving(always(Raw(head.encode() + chunks))) as server, client(server) as made:
        found = made.infer("m", {"x": X}, Reporter())
    assert not isinstance(found, Failed)
    assert found["scores"].tobytes() == SCORES.tobytes()


def test_headers_and_a_prefix_reach_a_gateway(server: Loopback) -> None:
    address = server.address._replace(prefix="/serving/digits")
    headers = {"Host": "digits.example.com", "Authorization": "Bearer x"}
    with HttpClient(address, headers=headers) as made:
        made.infer("m", {"x": X}, Reporter())
    (asked,) = server.asked
    assert asked.path == "/serving/digits/v2/models/m/infer"
    assert asked.headers["Host"] == "digits.example.com"
    assert asked.headers["Authorization"] == "Bearer x"


def test_descriptions_are_read() -> None:
    answers = {
        "/v2": {"name": "triton", "version": "2.51.0", "extensions": ["classification"]},
        "/v2/repository/index": [
            {"name": "a", "version": "1", "state": "READY"},
            {"name": "b", "state": "UNAVAILABLE", "reason": "broken"},
        ],
        "/v2/models/m": {
            "name": "m",
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, "4"]}],
            "outputs": [],
        },
        "/v2/models/m/config": {
            "max_batch_size": 8,
            "parameters": {"archc.preprocess": {"string_value": "{}"}},
            "output": [{"name": "y", "label_filename": "l.txt"}, {"name": "z"}],
            "dynamic_batching": {},
        },
    }
    reporter = Reporter()
    with serving(lambda a: as_json(answers[a.path])) as server, client(server) as made:
        assert made.server(reporter) == ServerInfo("triton", "2.51.0", ("classification",))
        assert made.models(reporter) == (
            ModelState("a", "1", "READY", ""),
            ModelState("b", "", "UNAVAILABLE", "broken"),
        )
        info = made.metadata("m", reporter)
        assert not isinstance(info, Failed)
        assert info.inputs == (TensorInfo("x", "UINT8", (-1, 4)),)
        assert made.config("m", reporter) == (8, {"archc.preprocess": "{}"}, ("y",))
    assert not reporter.has_errors
    assert [asked.method for asked in server.asked] == ["GET", "POST", "GET", "GET"]


@pytest.mark.parametrize(("status", "expected"), [(200, True), (400, False), (503, False)])
def test_readiness_is_the_status(status: int, expected: bool) -> None:
    with serving(always(Reply(status))) as server, client(server) as made:
        assert made.is_live() is expected
        assert made.is_ready() is expected
        assert made.is_ready("m", "2") is expected
    paths = [asked.path for asked in server.asked]
    assert paths == ["/v2/health/live", "/v2/health/ready", "/v2/models/m/versions/2/ready"]


def test_nothing_that_listens_is_not_ready_and_unreachable(server: Loopback) -> None:
    server.stop()
    made = client(server)
    assert not made.is_ready()
    found = infer(made)
    assert found.rule.slug == "server/unreachable"
    assert found.notes == ("connection refused",)


@pytest.mark.parametrize(
    ("answer", "slug", "note"),
    [
        (Raw(b""), "server/unreachable", "it ended the connection"),
        (Raw(HEAD), "server/malformed-answer", None),
        (
            Raw(HEAD + b"Content-Length: 100\r\n\r\n{}"),
            "server/unreachable",
            "it ended the connection within its answer",
        ),
        (
            Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "server/unreachable",
            "it ended the connection within its answer",
        ),
        (Raw(b"SSH-2.0-OpenSSH\r\n"), "server/malformed-answer", "SSH-2.0-OpenSSH"),
        (Raw(b"HTTP/1.1 abc OK\r\n\r\n"), "server/malformed-answer", "HTTP/1.1 abc OK"),
        (
            Raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"),
            "server/malformed-answer",
            "got more than 100 headers",
        ),
        (Raw(HEAD + b"Content-Length: 99999999999\r\n\r\n"), "server/answer-too-large", None),
        (
            Reply(400, b'{"error": "unexpected shape\\u001b[2J for input"}'),
            "server/refused",
            "the server says: unexpected shape\\x1b[2J for input",
        ),
        (Reply(503, b"<html>overloaded</html>"), "server/refused",
         "the server says: <html>overloaded</html>"),
        (Reply(500), "server/refused", None),
        (Reply(404, b"\xff" * 10_000), "server/refused", None),
        (Reply(299), "server/refused", None),
        (Reply(200, b"[" * 100_000), "server/malformed-answer", None),
        (Reply(200, b"{}", {"Inference-Header-Content-Length": "3"}),
         "server/malformed-answer", "its JSON has a length of `3`"),
        (Reply(200, b"{}", {"Inference-Header-Content-Length": "-1"}),
         "server/malformed-answer", "its JSON has a length of `-1`"),
        (Reply(200, b"[]", {"Inference-Header-Content-Length": "2"}),
         "server/malformed-answer", None),
        (Reply(200, b'{"outputs":[{"name":1}]}', {"Inference-Header-Content-Length": "24"}),
         "server/malformed-answer", "at `outputs.0.name`: input should be a valid string"),
        (inference({"scores": SCORES}, shape=[3, 3]), "server/malformed-answer",
         "`scores` is FP32 [3, 3], which are 36 bytes, and 24 came"),
        (inference({"scores": SCORES}, shape=[-1, 2]), "server/malformed-answer",
         "`scores` has a negative size"),
        (inference({"scores": SCORES}, datatype="FP64"), "server/malformed-answer",
         "`scores` is FP64 [3, 2], which are 48 bytes, and 24 came"),
        (inference({"scores": SCORES}, datatype="BF16"), "server/datatype", None),
        (inference({"scores": SCORES}, datatype="BYTES"), "server/malformed-answer", None),
        (inference({"scores": SCORES}, parameters={"binary_data_size": 20}),
         "server/malformed-answer", None),
        (inference({"scores": SCORES}, parameters={"binary_data_size": 1 << 40}),
         "server/malformed-answer", "`scores` ends after the answer does"),
        (inference({"scores": SCORES}, parameters={"binary_data_size": -1}),
         "server/malformed-answer", "`scores` ends after the answer does"),
        (inference({"scores": SCORES, "more": X}, name="more"),
         "server/malformed-answer", "`more` came twice"),
        (inference({"other": SCORES}), "server/missing-output", "it gives `other`"),
        (as_json({"outputs": [{"name": "scores", "datatype": "FP32", "shape": [1],
                               "data": [1.0]}]}), "server/no-binary-tensors", None),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_answer_is_said(
    answer: Answered, slug: str, note: str | None
) -> None:
    with serving(always(answer)) as server:
        found = infer(client(server))
    assert found.rule.slug == slug
    if note is not None:
        assert found.notes[0] == note


def test_bytes_behind_the_last_tensor_are_not_passed_over() -> None:
    good = inference({"scores": SCORES})
    with serving(always(good._replace(body=good.body + b"more"))) as server:
        found = infer(client(server))
    assert found.notes == ("4 bytes belong to no output",)


@pytest.mark.parametrize(
    "answer",
    [
        Raw(b"", hang=True),
        Raw(HEAD + b"Content-Length: 100\r\n\r\n{", hang=True),
        Drip(b"", b"H"),
        Drip(HEAD, b"A"),
        Drip(HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        Drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n", b"x"),
    ],
    ids=["nothing", "part", "status", "header", "body", "chunk"],
)
def test_a_server_that_never_ends_its_answer_is_left(answer: Answered) -> None:
    with serving(always(answer)) as server:
        found = infer(client(server, seconds=0.3))
    assert found.rule.slug == "server/timeout"
    assert found.helps == ("give it longer: `--timeout SECONDS`",)


def test_a_client_is_of_use_after_an_answer_that_it_left() -> None:
    answers: Iterator[Answered] = iter([Raw(b"", hang=True), inference({"scores": SCORES})])
    with serving(lambda _: next(answers)) as server, client(server, seconds=0.3) as made:
        assert isinstance(made.infer("m", {"x": X}, Reporter()), Failed)
        assert not isinstance(made.infer("m", {"x": X}, Reporter()), Failed)


@pytest.mark.parametrize("is_declared", [True, False])
def test_an_answer_is_read_up_to_a_bound(
    is_declared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "MAX_DESCRIPTION_BYTES", 1000)
    reply = Reply(200, b" " * 1001, {} if is_declared else {"Transfer-Encoding": "chunked"})
    raw = Raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n")
    reporter = Reporter()
    with serving(always(reply if is_declared else raw)) as server, client(server) as made:
        assert isinstance(made.server(reporter), Failed)
    (found,) = reporter.diagnostics
    assert found.rule.slug == "server/answer-too-large"


def test_a_refusal_before_the_request_is_read_is_heard() -> None:
    body = b'{"error": "too much"}'
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    listening = socket.create_server(("127.0.0.1", 0))
    address = Address("127.0.0.1", listening.getsockname()[1])

    def refuse() -> None:
        connection, _ = listening.accept()
        listening.close()
        connection.sendall(answer)
        connection.close()

    thread = threading.Thread(target=refuse)
    thread.start()
    reporter = Reporter()
    with HttpClient(address, seconds=20) as made:
        big = np.zeros(64_000_000, np.uint8)
        assert isinstance(made.infer("m", {"x": big}, reporter), Failed)
    thread.join()
    (found,) = reporter.diagnostics
    assert found.rule.slug == "server/refused"
    assert found.notes == ("the server says: too much",)


def test_a_redirection_is_told() -> None:
    reply = Reply(308, b"", {"Location": "https://gate/v2"})
    with serving(always(reply)) as server:
        found = infer(client(server))
    assert found.helps == ("it leads to `https://gate/v2`; call that",)


def test_a_server_without_binary_tensors_is_called_over_grpc_instead() -> None:
    def ml_server(asked: Asked) -> Answered:
        if asked.path == "/v2":
            return as_json({"name": "mlserver", "version": "1.7.1", "extensions": []})
        return as_json({"detail": "there was an error parsing the body"}, 422)

    with serving(ml_server) as server:
        found = infer(client(server))
    assert found.rule.slug == "server/no-binary-tensors"
    assert "there was an error parsing the body" in found.notes[0]
    assert found.helps == ("call it over gRPC: `grpc://127.0.0.1:PORT` (MLServer: 8081)",)


def test_a_refusal_of_a_server_with_binary_tensors_is_just_that() -> None:
    def triton(asked: Asked) -> Answered:
        if asked.path == "/v2":
            return as_json({"name": "triton", "extensions": ["binary_tensor_data"]})
        return as_json({"error": "no"}, 400)

    with serving(triton) as server:
        assert infer(client(server)).rule.slug == "server/refused"


def test_metadata_of_another_model_are_not_believed() -> None:
    reporter = Reporter()
    reply = as_json({"name": "other", "inputs": [], "outputs": []})
    with serving(always(reply)) as server, client(server) as made:
        assert isinstance(made.metadata("m", reporter), Failed)
    assert reporter.diagnostics[0].notes == ("it is about `other`",)


def test_elements_without_a_datatype_are_not_sent(server: Loopback) -> None:
    reporter = Reporter()
    with client(server) as made:
        assert isinstance(made.infer("m", {"x": X.astype(complex)}, reporter), Failed)
    assert reporter.diagnostics[0].rule.slug == "server/datatype"
    assert server.asked == []


def test_a_server_without_tls_is_not_called_with_it(server: Loopback) -> None:
    with HttpClient(server.address._replace(scheme="https"), seconds=20) as made:
        found = infer(made)
    assert found.rule.slug == "server/unreachable"
    assert found.notes[0].startswith("tls: ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "inputs", "outputs", "shape", "datatype", "parameters", "output",
                 "binary_data_size", "max_batch_size", "string_value", "extensions", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip
REFUSALS = (MalformedAnswerError, MalformedTensorError, UnknownDatatypeError)
READERS: list[Callable[[bytes], object]] = [
    read_server,
    read_model,
    read_index,
    read_config,
    lambda body: read_inference(body, str(len(body))),
    lambda body: read_inference(body, None),
]


@given(st.sampled_from(READERS), JSON.map(json.dumps).map(str.encode) | st.binary(max_size=60))
def test_whatever_comes_is_understood_or_malformed(
    read: Callable[[bytes], object], body: bytes
) -> None:
    with contextlib.suppress(*REFUSALS):
        read(body)


@given(st.data())
def test_a_damaged_inference_is_understood_or_malformed(data: st.DataObject) -> None:
    good = inference({"scores": SCORES, "x": X})
    body = bytearray(good.body)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(body)))
    with contextlib.suppress(*REFUSALS):
        read_inference(bytes(body[:end]), good.headers["Inference-Header-Content-Length"])
