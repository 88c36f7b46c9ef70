"""The MLServer of the running environment, started on free ports of this machine and stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_READY_WITHIN_SECONDS = 60
_STOPPED_WITHIN_SECONDS = 30


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    http: str
    grpc: str
    metrics: str
    process: subprocess.Popen[bytes]


@contextmanager
def running(package: Path, model: str, folder: Path) -> Iterator[Running]:
    """A server of a package's repository, once the model is ready; its own files go to `folder`."""
    http, grpc, metrics = (f"127.0.0.1:{port}" for port in _free_ports(3))
    ports = {"HTTP": http, "GRPC": grpc, "METRICS": metrics}
    env = {f"MLSERVER_{name}_PORT": address.split(":")[1] for name, address in ports.items()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("mlserver")), "start", str(package / "models")],
            cwd=folder,
            env={**os.environ, **env},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, f"http://{http}/v2/models/{model}/ready", folder / "log")
            yield Running(http, grpc, metrics, process)
        finally:
            process.terminate()
            try:
                process.wait(_STOPPED_WITHIN_SECONDS)
            finally:
                process.kill()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"the server does not serve:\n{log.read_text(encoding='utf-8')}")
