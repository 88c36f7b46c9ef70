"""Commands run within the test, through the entry of the command line."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from archc.cli.main import main

LENET = """
archc: 1
name: tiny
description: A network for tests.
params: {width: 10, classes: 3}
variants: {wide: {width: 20, expect: {parameters: 263}}}
input: {image: {shape: [1, H, W], where: {H: {min: 8, default: 12}, W: {min: 8, default: 12}}}}
preprocess: {resize: [12, 12], color: gray}
labels: [cat, dog, owl]
layers:
  conv: {conv: $width, kernel: 3}
  act: relu
  pool: {global_avg_pool: false}
  fc: {dense: $classes}
outputs: {logits: fc}
expect: {parameters: 133}
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """Gives back what a command sets for its whole process."""
    thresholds = gc.get_threshold()
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    yield
    gc.set_threshold(*thresholds)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `archc` with these arguments."""

    def command(*arguments: str | Path) -> Ran:
        status = main([os.fspath(a) for a in arguments])
        written = capfd.readouterr()
        return Ran(status, written.out, written.err)

    return command


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small spec, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(LENET, encoding="utf-8")
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A spec with a mistake."""
    path = tmp_path / "wrong.yaml"
    path.write_text(LENET.replace("relu", "rellu"), encoding="utf-8")
    return path
