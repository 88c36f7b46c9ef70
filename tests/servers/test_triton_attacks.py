"""Clients that break off, lie about lengths or send nonsense: the real server goes on answering."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from archc.diagnostics.reporter import Failed, Reporter
from tests.servers.conftest import Fleet

pytestmark = pytest.mark.triton

SECONDS = 20
PATH = "/v2/models/digits/infer"
PIXELS = bytes(32 * 32)


def header(**changes: object) -> bytes:
    entry = {
        "name": "image",
        "shape": [1, 32, 32, 1],
        "datatype": "UINT8",
        "parameters": {"binary_data_size": 1024},
    }
    return json.dumps({"inputs": [{**entry, **changes}]}).encode()


def posted(body: bytes, **fields: object) -> bytes:
    """A request as bytes; `fields` are headers, `_` for `-`."""
    given = {"Host": "x", "Content_Length": len(body), **fields}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join([f"POST {PATH} HTTP/1.1", *lines, "", ""]).encode() + body


def tensor_request(head: bytes, data: bytes, length: object = None) -> bytes:
    return posted(head + data, Inference_Header_Content_Length=length or len(head))


def raw(fleet: Fleet, request: bytes, *, breaks_off: bool = False) -> bytes:
    """What the server sends back before it closes, or before it is silent."""
    address = fleet.server.addresses
    with socket.create_connection((address.reached_at, address.http_port), SECONDS) as sent:
        sent.sendall(request)
        if breaks_off:
            # A reset rather than a close: the server learns of it while it works.
            sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return b""
        return sent.recv(1 << 16)


@pytest.fixture(autouse=True)
def _goes_on(fleet: Fleet) -> Iterator[None]:
    """After each test the server answers by both ways, with the answer that it gave before."""
    batch = np.arange(1024, dtype=np.uint8).reshape(1, 32, 32, 1)
    answers = []
    for moment in range(2):
        if moment == 1:
            yield
        for way in ("http", "grpc"):
            with fleet.client(way) as client:
                found = client.infer("digits", {"image": batch}, Reporter())
            assert not isinstance(found, Failed)
            answers.append(found["logits"].tobytes())
    assert len(set(answers)) == 1
    assert fleet.server.status() is None


def test_a_good_request_in_raw_bytes_is_answered(fleet: Fleet) -> None:
    assert raw(fleet, tensor_request(header(), PIXELS)).startswith(b"HTTP/1.1 200")


def test_clients_that_break_off_within_a_request(fleet: Fleet) -> None:
    whole = tensor_request(header(), PIXELS)
    for end in (1, 20, len(whole) // 2, len(whole) - 1, len(whole)):
        for _ in range(5):
            raw(fleet, whole[:end], breaks_off=True)


@pytest.mark.parametrize(
    "request_",
    [
        tensor_request(header(), PIXELS[:-1]),
        tensor_request(header(), PIXELS + b"more"),
        tensor_request(header(parameters={"binary_data_size": 1 << 60}), PIXELS),
        tensor_request(header(parameters={"binary_data_size": -1}), PIXELS),
        tensor_request(header(parameters={}), PIXELS),
        tensor_request(header(shape=[1, 32, 32, 1, 1]), PIXELS),
        tensor_request(header(shape=[-1, 32, 32, 1]), PIXELS),
        tensor_request(header(shape=[1 << 40, 32, 32, 1]), PIXELS),
        tensor_request(header(shape="wide"), PIXELS),
        tensor_request(header(datatype="FP32"), PIXELS),
        tensor_request(header(datatype="COLOUR"), PIXELS),
        tensor_request(header(name="picture"), PIXELS),
        tensor_request(b"{}", PIXELS),
        tensor_request(b"[[[[", PIXELS),
        tensor_request(b"\xff\xfe\x00", PIXELS),
        tensor_request(header(), PIXELS, 1 << 40),
        tensor_request(header(), PIXELS, "wide"),
        tensor_request(header(), PIXELS, -5),
        tensor_request(header(), PIXELS, 3),
        posted(header(data=[[0] * 5], parameters={})),
        posted(header(data=["x"] * 1024, parameters={})),
        posted(b"[" * 100_000),
        posted(b""),
    ],
)
def test_malformed_tensors_are_refused(fleet: Fleet, request_: bytes) -> None:
    answer = raw(fleet, request_)
    # Triton calls some of them an error of its own (500); none is answered, and each is told why.
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 500")), answer[:200]
    assert b'{"error":"' in answer


@pytest.mark.parametrize("length", [1 << 40, 1 << 63, -1, "wide"])
def test_bodies_that_declare_more_than_they_send(fleet: Fleet, length: object) -> None:
    head = header()
    request = posted(
        head + PIXELS, Content_Length=length, Inference_Header_Content_Length=len(head)
    )
    raw(fleet, request, breaks_off=True)


def test_an_oversized_body_is_refused(fleet: Fleet) -> None:
    head = header(shape=[1 << 14, 32, 32, 1], parameters={"binary_data_size": 1 << 24})
    answer = raw(fleet, tensor_request(head, bytes(1 << 24)))
    assert answer.startswith(b"HTTP/1.1 4"), answer[:200]


def test_what_is_no_http_at_all(fleet: Fleet) -> None:
    for junk in (b"\x00" * 4096, b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" * 99):
        raw(fleet, junk, breaks_off=True)
