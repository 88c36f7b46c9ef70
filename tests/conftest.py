"""What all tests share: Hypothesis profiles, and golden texts that `--update` rewrites."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, settings

Golden: TypeAlias = Callable[[Path, str], None]

# Examples are the same on every run, so a failure is found again; `--hypothesis-profile=thorough`
# draws new ones.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=60)
settings.register_profile(
    "thorough", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update", action="store_true", help="rewrite golden text files with what came out"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update") and os.environ.get("CI"):
        raise pytest.UsageError("golden files are updated by hand and reviewed, never in CI")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a text with a golden file, or rewrites the file where `--update` was given."""
    is_update = bool(request.config.getoption("--update"))

    def check(path: Path, text: str) -> None:
        if is_update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"{path} is missing: run pytest --update and review what it writes"
        assert text == path.read_text(encoding="utf-8"), f"{path} says otherwise"

    return check
