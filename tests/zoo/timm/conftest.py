"""`pytest -m oracle tests/zoo --all-variants` compares every network."""

from __future__ import annotations

import pytest

from tests.zoo.timm.network import ALL, QUICK, RENAMED, RENAMED_QUICK


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives `network` and `renamed` one of each kind, or all."""
    # The option is unknown where its folder is not named on the command line.
    everything = bool(metafunc.config.getoption("--all-variants", default=False))
    if "network" in metafunc.fixturenames:
        metafunc.parametrize("network", ALL if everything else QUICK)
    if "renamed" in metafunc.fixturenames:
        metafunc.parametrize("renamed", RENAMED if everything else RENAMED_QUICK)
