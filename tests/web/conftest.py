"""One Chromium for all tests of the page, and the packages that it opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archc.deploy.served import ServingOptions
from tests.deploy.packing import packed
from tests.web.browsing import RUNTIME, Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running browser; each `open` is a new window without memory of the last."""
    with Browser() as running:
        yield running


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained digits, with the runtime in the package."""
    folder = tmp_path_factory.mktemp("digits") / "page"
    packed("web", folder, options=ServingOptions(browser_runtime=RUNTIME))
    return folder


@pytest.fixture(scope="session")
def digits_from_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained digits, whose runtime the page fetches."""
    folder = tmp_path_factory.mktemp("network") / "page"
    packed("web", folder)
    return folder
