"""One HTTP connection that is kept open, with a deadline and a bound for every answer.

The standard library's client has a time limit for each piece that arrives, so that a server that
sends a byte now and then holds it for ever; here the whole answer has one.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast, final

from typing_extensions import Buffer, override

from archc.serving.client.address import Address

_PIECE_BYTES = 1 << 18
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
"""How a kept connection ends that the server has closed meanwhile."""


class TooLargeError(Exception):
    """An answer is longer than what is read."""


class Answer(NamedTuple):
    """What came back: status, headers in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@final
class _Incoming(io.RawIOBase):
    """What a socket receives, until a moment."""

    def __init__(self, timed: _TimedSocket) -> None:
        self._timed = timed

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer) -> int:
        return self._timed.until_deadline().recv_into(buffer)


@final
class _TimedSocket:
    """As much of a socket as `http.client` uses, with one deadline for all that it does."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.deadline = 0.0

    def until_deadline(self) -> socket.socket:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._inner.settimeout(left)
        return self._inner

    def sendall(self, data: Buffer) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.until_deadline().send(rest[:_PIECE_BYTES]) :]

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 — it is always "rb"
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Does nothing: `http.client` closes before it has read the last answer."""

    def end(self) -> None:
        self._inner.close()


class _Kept(NamedTuple):
    """A connection, and the socket below it."""

    connection: http.client.HTTPConnection
    timed: _TimedSocket


@final
class Transport:
    """Requests to one server, one after the other."""

    def __init__(self, address: Address, seconds: float, headers: Mapping[str, str]) -> None:
        self._address = address
        self._seconds = seconds
        self._headers = dict(headers)
        self._kept: _Kept | None = None
        self._tls = ssl.create_default_context() if address.is_secure else None

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes],
        limit: int,
    ) -> Answer:
        """The answer to a request.

        A connection that was kept, and that the server has closed, is opened once more.

        Raises:
            TooLargeError: the answer has more than `limit` bytes.
            TimeoutError: it is not complete in time.
            OSError, http.client.HTTPException: there is none, or it is no HTTP.
        """
        deadline = time.monotonic() + self._seconds
        is_kept = self._kept is not None
        try:
            try:
                return self._exchange(method, path, headers, body, limit, deadline)
            except _STALE:
                if not is_kept:
                    raise
                self.close()
                return self._exchange(method, path, headers, body, limit, deadline)
        except BaseException:
            self.close()  # what is left of the answer must not be taken for the next one
            raise

    def close(self) -> None:
        """Ends the connection; the next request opens one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            with suppress(OSError):
                kept.timed.end()

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes],
        limit: int,
        deadline: float,
    ) -> Answer:
        connection, timed = self._kept = self._kept or self._connect(deadline)
        timed.deadline = deadline
        fields = {**headers, "Content-Length": str(sum(map(len, body))), **self._headers}
        with suppress(BrokenPipeError, ConnectionResetError):  # it may say first why it refuses
            connection.request(method, self._address.prefix + path, headers=fields)
            for part in body:
                timed.sendall(part)
        with connection.getresponse() as response:
            found = Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                _read(response, limit),
            )
        if response.will_close:
            self.close()
        return found

    def _connect(self, deadline: float) -> _Kept:
        address = self._address
        seconds = max(deadline - time.monotonic(), 0.001)
        plain = socket.create_connection((address.host, address.port), seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            inner = (
                self._tls.wrap_socket(plain, server_hostname=address.host) if self._tls else plain
            )
        except BaseException:
            plain.close()
            raise
        made = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = made(address.host, address.port)
        timed = _TimedSocket(inner)
        cast("Any", connection).sock = timed
        return _Kept(connection, timed)


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    declared = response.length
    if declared is not None and declared > limit:
        raise TooLargeError
    pieces: list[bytes] = []
    total = 0
    while piece := response.read(_PIECE_BYTES):
        pieces.append(piece)
        total += len(piece)
        if total > limit:
            raise TooLargeError
    if declared is not None and total != declared:
        raise http.client.IncompleteRead(b"", declared - total)
    return b"".join(pieces)
