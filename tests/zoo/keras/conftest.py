"""`pytest -m oracle tests/zoo --all-variants` compares every network, the largest ones too."""

from __future__ import annotations

import pytest

from tests.zoo.keras.network import networks


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives `network` every network, and `built_network` a few for a quick run, or all."""
    if "network" in metafunc.fixturenames:
        metafunc.parametrize("network", networks(), ids=str)
    if "built_network" in metafunc.fixturenames:
        # The option is unknown where this folder is not named on the command line.
        everything = bool(metafunc.config.getoption("--all-variants", default=False))
        chosen = [network for network in networks() if everything or network.is_quick]
        metafunc.parametrize("built_network", chosen, ids=str)
