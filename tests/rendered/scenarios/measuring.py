"""Models that cannot be measured as they are asked to be."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.measuring.feeds import draw_feeds
from archc.measuring.fresh import measure_starts
from archc.runtime.model import open_model
from tests.rendered.scenarios import Scene, scenario
from tests.unit.measuring.models import POOL, write_foreign


@scenario("measure/open-size")
def open_size(folder: Path) -> Scene:
    write_foreign(folder / "exported.onnx", ("N", 3, "H", "W"))
    return ["bench", "exported.onnx"]


@scenario("measure/size")
def size(folder: Path) -> Scene:
    (folder / "net.yaml").write_text(POOL, encoding="utf-8")
    archc.build(folder / "net.yaml", folder / "net.onnx")
    return ["bench", "net.onnx", "--size", "H=100"]


@scenario("measure/fixed-batch")
def fixed_batch(folder: Path) -> Scene:
    write_foreign(folder / "exported.onnx", (1, 3, 8, 8))
    return ["bench", "exported.onnx", "--batch", "8"]


@scenario("measure/process")
def process(folder: Path) -> Scene:
    """The process is one that the system ends: none is started."""
    reporter = Reporter()
    write_foreign(folder / "huge.onnx", (1, 3, 8, 8))
    model = open_model(Path("huge.onnx"), reporter)
    assert not isinstance(model, Failed)
    feeds = draw_feeds(model, 1, {}, reporter)
    assert not isinstance(feeds, Failed)
    killed = CompletedProcess("python", -9, "", "std::bad_alloc\n")
    with patch("archc.measuring.fresh.subprocess.run", return_value=killed):
        measure_starts({"huge.onnx": (model.path, feeds)}, None, reporter, count=1)
    return reporter.diagnostics
