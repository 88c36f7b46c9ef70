"""The client for an address: HTTP with the standard library, gRPC where tritonclient is there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.address import Address
from archc.serving.client.http import HttpClient
from archc.serving.client.protocol import SECONDS, Client
from archc.weights.checkpoint import file_place

NO_GRPC = Rule(
    "server/no-grpc",
    "gRPC is asked for where its library is not installed",
    "HTTP needs nothing besides archc; the messages of gRPC are tritonclient's.",
)


def connect(
    address: Address,
    reporter: Reporter,
    *,
    seconds: float = SECONDS,
    headers: Mapping[str, str] | None = None,
) -> Client | Failed:
    """A client for a server; nothing is sent yet.

    Reports: server/no-grpc.
    """
    if not address.is_grpc:
        return HttpClient(address, seconds=seconds, headers=headers)
    try:
        module = import_module("archc.serving.client.grpc")
    # tritonclient without its extra raises a RuntimeError.
    except (ImportError, RuntimeError) as error:
        return reporter.error(
            NO_GRPC,
            f"`{address}` is an address of gRPC, and tritonclient is not installed",
            file_place(str(address)),
            notes=(str(error),),
            helps=("install it: `pip install 'archc[serve]'`", "or call the server over `http`"),
        )
    return cast("Client", module.GrpcClient(address, seconds=seconds, headers=headers))
