"""The client over gRPC, against servers in this process that do as they should or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import numpy as np
import pytest

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client import protocol
from archc.serving.client.address import Address
from archc.serving.client.protocol import ModelState, ServerInfo, TensorInfo
from archc.serving.client.tensors import decode, encode

pytestmark = pytest.mark.triton

X = np.arange(12, dtype=np.float32).reshape(3, 4)
SCORES = np.array([[1.5, -2.0], [0.0, np.inf], [3.0, 1e-40]], np.float32)

Respond = Callable[[Any, Any], Any]


class Service:
    """The methods of a server: each answers with what `respond` has for the request."""

    def __init__(self) -> None:
        self.respond: Respond = lambda *_: None
        self.asked: list[Any] = []
        self.metadata: list[dict[str, str]] = []

    def __getattr__(self, name: str) -> Respond:
        def method(request: Any, context: Any) -> Any:
            self.asked.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            return self.respond(request, context)

        return method


@pytest.fixture
def service() -> Iterator[tuple[Service, Address]]:
    import grpc
    from tritonclient.grpc import service_pb2_grpc

    found = Service()
    server = grpc.server(
        futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)]
    )
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(found, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield found, Address("127.0.0.1", port, "grpc")
    server.stop(0).wait()


def client(address: Address, seconds: float = 20.0, **headers: str) -> protocol.Client:
    from archc.serving.client.connect import connect

    made = connect(address, Reporter(), seconds=seconds, headers=headers)
    assert not isinstance(made, Failed)
    return made


def answer(
    name: str = "scores",
    datatype: str = "FP32",
    shape: tuple[int, ...] = (3, 2),
    raw: tuple[bytes, ...] = (SCORES.tobytes(),),
) -> Any:
    from tritonclient.grpc import service_pb2

    found = service_pb2.ModelInferResponse(model_name="m", raw_output_contents=raw)
    found.outputs.add(name=name, datatype=datatype, shape=shape)
    return found


def infer(made: protocol.Client) -> Diagnostic:
    reporter = Reporter()
    with made:
        assert isinstance(made.infer("m", {"x": X}, reporter, outputs=["scores"]), Failed)
    (found,) = reporter.diagnostics
    return found


def test_tensors_go_and_come_as_raw_bytes(service: tuple[Service, Address]) -> None:
    service[0].respond = lambda *_: answer()
    with client(service[1], Authorization="Bearer x") as made:
        found = made.infer("m", {"x": X}, Reporter(), outputs=["scores"], version="2", classes=3)
    assert not isinstance(found, Failed)
    assert found["scores"].tobytes() == SCORES.tobytes()
    (asked,) = service[0].asked
    assert (asked.model_name, asked.model_version) == ("m", "2")
    (entry,), (data,) = asked.inputs, asked.raw_input_contents
    assert np.array_equal(decode("x", entry.datatype, entry.shape, data), X)
    assert not entry.HasField("contents")
    assert asked.outputs[0].parameters["classification"].int64_param == 3
    assert service[0].metadata[0]["authorization"] == "Bearer x"


def test_descriptions_are_read(service: tuple[Service, Address]) -> None:
    from tritonclient.grpc import service_pb2

    config = service_pb2.ModelConfigResponse()
    config.config.max_batch_size = 8
    config.config.parameters["archc.preprocess"].string_value = "{}"
    config.config.output.add(name="y", label_filename="l.txt")
    metadata = service_pb2.ModelMetadataResponse(name="m", versions=["1"], platform="p")
    metadata.inputs.add(name="x", datatype="UINT8", shape=[-1, 4])
    index = service_pb2.RepositoryIndexResponse()
    index.models.add(name="a", version="1", state="READY")
    answers = {
        "ServerMetadataRequest": service_pb2.ServerMetadataResponse(
            name="t", version="1", extensions=["classification"]
        ),
        "ServerLiveRequest": service_pb2.ServerLiveResponse(live=True),
        "ServerReadyRequest": service_pb2.ServerReadyResponse(ready=False),
        "ModelReadyRequest": service_pb2.ModelReadyResponse(ready=True),
        "ModelMetadataRequest": metadata,
        "ModelConfigRequest": config,
        "RepositoryIndexRequest": index,
    }
    service[0].respond = lambda request, _: answers[type(request).__name__]
    reporter = Reporter()
    with client(service[1]) as made:
        assert made.server(reporter) == ServerInfo("t", "1", ("classification",))
        assert (made.is_live(), made.is_ready(), made.is_ready("m")) == (True, False, True)
        assert made.config("m", reporter) == (8, {"archc.preprocess": "{}"}, ("y",))
        assert made.models(reporter) == (ModelState("a", "1", "READY", ""),)
        info = made.metadata("m", reporter)
        assert not isinstance(info, Failed)
        assert info.inputs == (TensorInfo("x", "UINT8", (-1, 4)),)
        assert not reporter.has_errors
        assert isinstance(made.metadata("other", reporter), Failed)
    assert reporter.diagnostics[0].notes == ("it is about `m`",)


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"raw": ()}, "server/malformed-answer"),
        ({"raw": (b"", b"")}, "server/malformed-answer"),
        ({"raw": (b"\0" * 23,)}, "server/malformed-answer"),
        ({"shape": (-3, -2)}, "server/malformed-answer"),
        ({"datatype": "FP64"}, "server/malformed-answer"),
        ({"datatype": "BYTES"}, "server/malformed-answer"),
        ({"datatype": "BF16"}, "server/datatype"),
        ({"name": "other"}, "server/missing-output"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(
    service: tuple[Service, Address], changes: dict[str, Any], slug: str
) -> None:
    service[0].respond = lambda *_: answer(**changes)
    assert infer(client(service[1])).rule.slug == slug


def test_a_refusal_has_its_reason(service: tuple[Service, Address]) -> None:
    import grpc

    service[0].respond = lambda _, context: context.abort(
        grpc.StatusCode.INVALID_ARGUMENT, "unexpected \x1b[2J shape"
    )
    found = infer(client(service[1]))
    assert found.rule.slug == "server/refused"
    assert found.message.endswith("refuses the request: invalid argument")
    assert found.notes == ("the server says: unexpected \\x1b[2J shape",)


def test_a_server_that_hangs_is_left(service: tuple[Service, Address]) -> None:
    ending = threading.Event()
    service[0].respond = lambda *_: ending.wait()
    try:
        assert infer(client(service[1], seconds=0.3)).rule.slug == "server/timeout"
    finally:
        ending.set()


def test_an_answer_beyond_the_bound_is_not_read(
    service: tuple[Service, Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    import archc.serving.client.grpc as module

    options = [("grpc.max_receive_message_length", 1000)]
    monkeypatch.setattr(module, "_OPTIONS", options)
    service[0].respond = lambda *_: answer(shape=(3000,), raw=(b"\0" * 12000,))
    assert infer(client(service[1])).rule.slug == "server/answer-too-large"


def test_nothing_that_listens_is_unreachable(service: tuple[Service, Address]) -> None:
    found = infer(client(Address("127.0.0.1", 1, "grpc")))
    assert found.rule.slug == "server/unreachable"
    assert not client(Address("127.0.0.1", 1, "grpc")).is_ready()


def test_a_big_picture_is_sent(service: tuple[Service, Address]) -> None:
    service[0].respond = lambda *_: answer()
    big = np.zeros((8, 1024, 1024, 3), np.uint8)
    with client(service[1]) as made:
        found = made.infer("m", {"x": big}, Reporter())
    assert not isinstance(found, Failed)
    assert service[0].asked[0].raw_input_contents[0] == encode(big).data
