"""A server of the tests on loopback: it answers as it is told, well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from typing_extensions import override

from archc.serving.client.address import Address
from archc.serving.client.tensors import decode, encode


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The JSON at the start of an inference's body."""
        return json.loads(self.body[: int(self.headers["Inference-Header-Content-Length"])])

    def tensor(self) -> np.ndarray:
        """The first input."""
        (entry,) = self.document["inputs"]
        data = self.body[int(self.headers["Inference-Header-Content-Length"]) :]
        assert entry["parameters"]["binary_data_size"] == len(data)
        return decode(entry["name"], entry["datatype"], entry["shape"], data)


class Reply(NamedTuple):
    """An answer: with its length, unless the headers have another."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Raw(NamedTuple):
    """Bytes in the place of an answer; then the connection ends, or waits for the end."""

    data: bytes
    hang: bool = False


class Drip(NamedTuple):
    """Bytes that come one by one, without end."""

    start: bytes
    byte: bytes


Answered: TypeAlias = Reply | Raw | Drip
Behaviour: TypeAlias = Callable[[Asked], Answered]


class Loopback:
    """The server: `behaviour` answers, `asked` has what came, `connections` counts."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.connections = 0
        self.ending = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            @override
            def setup(self) -> None:
                super().setup()
                outer.connections += 1

            def do_GET(self) -> None:
                outer.answer(self)

            def do_POST(self) -> None:
                outer.answer(self)

            @override
            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        port: int = self._server.server_address[1]
        self.address = Address("127.0.0.1", port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        asked = Asked(handler.command, handler.path, dict(handler.headers), body)
        self.asked.append(asked)
        found = self.behaviour(asked)
        if isinstance(found, Reply):
            handler.send_response(found.status)
            headers = {"Content-Length": str(len(found.body)), **found.headers}
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(found.body)
            return
        handler.close_connection = True
        if isinstance(found, Raw):
            handler.wfile.write(found.data)
            handler.wfile.flush()
            if found.hang:
                self.ending.wait()
            return
        handler.wfile.write(found.start)
        while not self.ending.wait(0.01):
            handler.wfile.write(found.byte)


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Loopback]:
    """A server that runs for as long as the context."""
    server = Loopback(behaviour)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def as_json(document: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def inference(arrays: Mapping[str, np.ndarray], **changes: object) -> Reply:
    """A well-formed answer of a model; `changes` replace what its first output declares."""
    encoded = {name: encode(array) for name, array in arrays.items()}
    outputs: list[dict[str, object]] = [
        {
            "name": name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
            "parameters": {"binary_data_size": len(tensor.data)},
        }
        for name, tensor in encoded.items()
    ]
    outputs[0].update(changes)
    head = json.dumps({"model_name": "m", "outputs": outputs}).encode()
    body = head + b"".join(tensor.data for tensor in encoded.values())
    return Reply(200, body, {"Inference-Header-Content-Length": str(len(head))})
