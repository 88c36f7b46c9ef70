"""Ports: those that are asked for, the usual ones where they are free, else free ones."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from archc.serving.addresses import (
    LOOPBACK,
    Addresses,
    Ports,
    choose_addresses,
    is_loopback,
)


def test_free_ports_are_three_and_free() -> None:
    found = choose_addresses(LOOPBACK, Ports())
    assert found.host == LOOPBACK
    assert len(set(found[1:])) == 3
    with ExitStack() as stack:
        for port in found[1:]:
            stack.enter_context(socket.create_server((LOOPBACK, port)))


def test_ports_that_are_asked_for_are_kept() -> None:
    found = choose_addresses(LOOPBACK, Ports(http=18765, metrics=18766))
    assert (found.http_port, found.metrics_port) == (18765, 18766)
    assert found.grpc_port not in (0, 18765, 18766)
    assert Ports(1, 2, 3).is_fixed
    assert not Ports(1, 2).is_fixed


def test_usual_ports_give_way_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = choose_addresses(LOOPBACK, Ports())[1:]
    monkeypatch.setattr("archc.serving.addresses.USUAL_PORTS", (first, second, third))
    with socket.create_server((LOOPBACK, second)):
        found = choose_addresses(LOOPBACK, Ports(), usual=True)
    assert (found.http_port, found.metrics_port) == (first, third)
    assert found.grpc_port not in (first, second, third)
    asked = choose_addresses(LOOPBACK, Ports(grpc=first), usual=True)
    assert asked.grpc_port == first
    assert asked.http_port != first


def test_a_host_that_is_not_here_is_an_error() -> None:
    with pytest.raises(OSError, match="address"):
        choose_addresses("192.0.2.1", Ports())


def test_addresses_are_written_as_clients_take_them() -> None:
    found = Addresses("127.0.0.1", 1, 2, 3)
    assert (found.http, found.grpc) == ("http://127.0.0.1:1", "grpc://127.0.0.1:2")
    assert found.metrics == "http://127.0.0.1:3/metrics"
    assert Addresses("0.0.0.0", 1, 2, 3).http == "http://127.0.0.1:1"
    assert Addresses("::1", 1, 2, 3).http == "http://[::1]:1"


@pytest.mark.parametrize(
    ("host", "is_so"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("10.0.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_is_this_machine_alone(host: str, is_so: bool) -> None:
    assert is_loopback(host) is is_so
