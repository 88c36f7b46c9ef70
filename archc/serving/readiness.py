"""Waiting for a server: until its models answer that they are ready, and its ports are open."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Sequence
from urllib.parse import quote

from archc.serving.addresses import Addresses
from archc.serving.environment import Say
from archc.serving.process import ServerProcess
from archc.weights.shown import listed

_SECONDS_BETWEEN = 0.05
_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_FOR_AN_ANSWER = 2.0


def wait_until_ready(
    process: ServerProcess, addresses: Addresses, models: Sequence[str], seconds: float, say: Say
) -> tuple[str, ...]:
    """What is still waited for when the server has ended or the time has: nothing where all is."""
    begin = last = time.monotonic()
    waiting = tuple(models)
    while waiting or not _listens(addresses):
        now = time.monotonic()
        if process.status() is not None or now - begin > seconds:
            return waiting or ("its ports",)
        if now - last > _SECONDS_BETWEEN_LINES:
            last = now
            say(f"waiting for {listed(list(waiting))} ({now - begin:.0f} s)")
        time.sleep(_SECONDS_BETWEEN)
        waiting = tuple(model for model in waiting if not _is_ready(addresses, model))
    return ()


def _is_ready(addresses: Addresses, model: str) -> bool:
    connection = http.client.HTTPConnection(
        addresses.reached_at, addresses.http_port, timeout=_SECONDS_FOR_AN_ANSWER
    )
    try:
        connection.request("GET", f"/v2/models/{quote(model, safe='')}/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listens(addresses: Addresses) -> bool:
    """Whether the ports that open last are open: HTTP answers before them."""
    ports = (addresses.grpc_port, addresses.metrics_port)
    return all(accepts(addresses.reached_at, port) for port in ports)


def accepts(host: str, port: int) -> bool:
    """Whether a program listens at a port."""
    try:
        with socket.create_connection((host, port), _SECONDS_FOR_AN_ANSWER):
            return True
    except OSError:
        return False
