"""The real server refuses the folders that the offline check refuses, and no others."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from archc.deploy.triton.check import check_repository
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.addresses import LOOPBACK, Addresses, Ports, choose_addresses
from archc.serving.engines import Chosen
from tests.deploy.triton.cases import CASES

pytestmark = pytest.mark.triton

RELEASE = "24.10"
"""That of the server in the package `nvidia-pytriton`."""

SECONDS = 600
SETTLED = {"READY", "UNAVAILABLE"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for name, case in CASES.items():
        case.write(folder, name)
    return folder


@pytest.fixture(scope="module")
def states(
    triton: Chosen, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """What the server says of each folder: why it does not load it, or nothing where it does."""
    addresses = choose_addresses(LOOPBACK, Ports())
    folder = tmp_path_factory.mktemp("server")
    launch = triton.prepared.launch(repository, addresses, folder)
    command = [*launch.command, "--exit-on-error=false", "--strict-readiness=false"]
    log = folder / "log.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **launch.environment},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        return _index(process, addresses, log)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        launch.tidy()


def _index(process: subprocess.Popen[bytes], addresses: Addresses, log: Path) -> Mapping[str, str]:
    for _ in _polls(SECONDS):
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-4000:]
        try:
            connection = http.client.HTTPConnection(addresses.host, addresses.http_port, timeout=9)
            connection.request("POST", "/v2/repository/index")
            entries = json.loads(connection.getresponse().read())
            connection.close()
        except OSError:
            continue
        # The server answers when it has tried to load every model.
        if entries and all(entry.get("state", "UNAVAILABLE") in SETTLED for entry in entries):
            return _reasons(entries)
    pytest.fail(log.read_text(encoding="utf-8", errors="replace")[-4000:])


def _reasons(entries: list[dict[str, str]]) -> dict[str, str]:
    ready = {entry["name"] for entry in entries if entry.get("state") == "READY"}
    return {
        entry["name"]: "" if entry["name"] in ready else entry.get("reason") or "refused"
        for entry in entries
    }


def _polls(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.1)


@pytest.mark.parametrize("name", CASES)
def test_the_server_refuses_what_the_check_refuses(
    name: str, repository: Path, states: Mapping[str, str]
) -> None:
    reporter = Reporter()
    checked = check_repository(repository / name, reporter, RELEASE, auto_complete=False)
    assert not isinstance(checked, Failed)
    (model,) = checked.models
    is_ready = states.get(name) == ""
    assert is_ready == model.is_accepted, states.get(name)


def test_the_server_loads_what_is_good(states: Mapping[str, str]) -> None:
    assert {name for name, why in states.items() if not why} >= {"good", "bytes", "open_size"}
