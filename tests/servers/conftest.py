"""Real servers for the tests: installed once, and one Triton for all that may share it.

Triton's environment is the folder in `ARCHC_SERVERS`, else `.venv-triton`; MLServer's is the one in
`ARCHC_MLSERVER`, else `.venv-mlserver-alone`, both in the checkout and made if they are not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from archc.deploy.package import Package
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.address import parse_address
from archc.serving.client.connect import connect
from archc.serving.client.protocol import Client
from archc.serving.engines import Chosen, choose_engine
from archc.serving.server import RunningServer, ServerOptions, start_repository
from tests.deploy.packing import DIGITS, packed
from tests.servers.kinds import write_kinds

ROOT = Path(__file__).parents[2]
TRITON = Path(os.environ.get("ARCHC_SERVERS", ROOT / ".venv-triton"))
MLSERVER = Path(os.environ.get("ARCHC_MLSERVER", ROOT / ".venv-mlserver-alone"))

LONG_ENOUGH_US = 500_000
"""What a request waits for others in `patient`: eight of one process are there by then."""

_TWO_OUTPUTS = """
archc: 1
name: pair
description: A small network with two outputs, floats in.
input: {image: [3, H, W]}
layers:
  conv: {conv: 8, kernel: 3}
  act: relu
  pool: {global_avg_pool: false}
  fc: {dense: 5}
outputs: {logits: fc, features: pool}
"""


@dataclass(frozen=True)
class Fleet:
    """A server, and the packages whose models it serves, by the models' names."""

    server: RunningServer
    packages: Mapping[str, Package]

    def client(self, way: str = "http") -> Client:
        """A client over `http` or `grpc`."""
        return client_of(self.server, way)


def client_of(server: RunningServer, way: str = "http") -> Client:
    """A client of a server over `http` or `grpc`."""
    address = parse_address(server.grpc if way == "grpc" else server.http, Reporter())
    assert not isinstance(address, Failed)
    made = connect(address.server, Reporter())
    assert not isinstance(made, Failed)
    return made


@pytest.fixture(scope="session")
def triton() -> Chosen:
    """The real Triton, installed."""
    return _installed("triton", TRITON)


@pytest.fixture(scope="session")
def mlserver() -> Chosen:
    """The real MLServer, installed."""
    return _installed("mlserver", MLSERVER)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Trained digits for Triton, as pixels and as encoded pictures."""
    folder = tmp_path_factory.mktemp("digits") / "digits"
    return packed("triton", folder, options=ServingOptions(ensemble=True))


@pytest.fixture(scope="session")
def fleet(
    triton: Chosen, digits: Package, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """One Triton over `digits`, `pair`, `half`, `patient`, `kinds`, and two versions of `twins`."""
    folder = tmp_path_factory.mktemp("fleet")
    packages = {"digits": digits, **_packages(folder)}
    repository = folder / "repository"
    repository.mkdir()
    for package in packages.values():
        assert package.manifest.repository is not None
        for model in (package.folder / package.manifest.repository).iterdir():
            (repository / model.name).symlink_to(model)
    write_kinds(repository / "kinds")
    models = [model.name for model in repository.iterdir()]
    reporter = Reporter()
    server = start_repository(triton, repository, models, ServerOptions(), print, reporter)
    assert not isinstance(server, Failed), reporter.diagnostics
    with server:
        yield Fleet(server, packages)


def _packages(folder: Path) -> dict[str, Package]:
    pair, half = folder / "pair.yaml", folder / "half.yaml"
    pair.write_text(_TWO_OUTPUTS, encoding="utf-8")
    wide = _TWO_OUTPUTS.replace("[3, H, W]", "{shape: [3, 24, 24], dtype: float16}")
    half.write_text(wide.replace("name: pair", "name: half"), encoding="utf-8")
    waiting = ServingOptions(max_queue_delay_us=LONG_ENOUGH_US)
    every = ServingOptions(serve_all=True)
    packed("triton", folder / "twins", name="twins", options=every)
    untrained = str(DIGITS / "digits.yaml")
    twins = packed(
        "triton", folder / "twins", network=untrained, options=every, is_further_version=True
    )
    return {
        "pair": packed("triton", folder / "pair", network=str(pair), form="tensor"),
        "half": packed("triton", folder / "half", network=str(half), form="tensor"),
        "patient": packed("triton", folder / "patient", name="patient", options=waiting),
        "twins": twins,
    }


def _installed(engine: str, environment: Path) -> Chosen:
    reporter = Reporter()
    chosen = choose_engine(engine, environment, print, reporter)
    assert not isinstance(chosen, Failed), reporter.diagnostics
    return chosen
