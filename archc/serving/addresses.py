"""Where a server listens: a host and three ports, free ones where none are asked for."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import ExitStack
from typing import NamedTuple

LOOPBACK = "127.0.0.1"

USUAL_PORTS = (8000, 8001, 8002)
"""The ports of HTTP, gRPC and the metrics that servers have where nothing is said."""


class Ports(NamedTuple):
    """The ports that a caller asks for; None takes a free one."""

    http: int | None = None
    grpc: int | None = None
    metrics: int | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether the caller has chosen every port."""
        return None not in self


class Addresses(NamedTuple):
    """A host and the ports of HTTP, gRPC and the metrics."""

    host: str
    http_port: int
    grpc_port: int
    metrics_port: int

    @property
    def reached_at(self) -> str:
        """The host as this machine reaches it, where the server listens at all of its addresses."""
        return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(self.host, self.host)

    @property
    def http(self) -> str:
        """The address of the server over HTTP."""
        return f"http://{self._authority(self.http_port)}"

    @property
    def grpc(self) -> str:
        """The address of the server over gRPC."""
        return f"grpc://{self._authority(self.grpc_port)}"

    @property
    def metrics(self) -> str:
        """The address of the metrics."""
        return f"http://{self._authority(self.metrics_port)}/metrics"

    def _authority(self, port: int) -> str:
        host = self.reached_at
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def choose_addresses(host: str, ports: Ports, *, usual: bool = False) -> Addresses:
    """The addresses of a server: the ports asked for, and free ones for the rest.

    With `usual`, ports that servers have by default are preferred where they are free.

    Raises:
        OSError: the host is none of this machine's.
    """
    taken = {port for port in ports if port is not None}
    chosen: list[int] = []
    with ExitStack() as held:  # all at once, so that no port is found free twice
        for asked, default in zip(ports, USUAL_PORTS, strict=True):
            port = asked
            if port is None and usual and default not in taken:
                port = _free_port(host, default, held)
            chosen.append(port or _free_port(host, 0, held) or 0)
    return Addresses(host, *chosen)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _free_port(host: str, port: int, held: ExitStack) -> int | None:
    """A port, held until the stack is left: this one if it is free, any for 0."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    probe = held.enter_context(socket.socket(family, kind, protocol))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(address)
    except OSError:
        if port == 0:
            raise
        return None
    number: int = probe.getsockname()[1]
    return number
