"""`pytest -m oracle tests/zoo --all-variants` compares every variant, the largest ones too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo.variants import chosen


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-variants", action="store_true", help="the largest variants of the zoo as well"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives `built_variant` the light variants and one of each family, or all."""
    if "built_variant" in metafunc.fixturenames:
        # The option is unknown where this folder is not named on the command line.
        everything = bool(metafunc.config.getoption("--all-variants", default=False))
        metafunc.parametrize("built_variant", chosen(everything), ids=str)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder that is gone after the test: models of the zoo fill a disk."""
    yield tmp_path
    shutil.rmtree(tmp_path)
