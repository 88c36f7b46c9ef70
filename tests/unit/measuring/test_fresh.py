"""What a process of its own says of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archc.diagnostics.reporter import Failed, Reporter
from archc.measuring.fresh import measure_starts
from tests.unit.measuring.models import write_foreign

HELD_MIB = 300


def test_a_process_measures_itself_and_not_the_one_that_started_it(tmp_path: Path) -> None:
    write_foreign(tmp_path / "a.onnx", (1, 3, 8, 8))
    write_foreign(tmp_path / "b.onnx", (1, 3, 8, 8))
    feeds = {"image": np.ones((1, 3, 8, 8), np.float32)}
    held = np.ones(HELD_MIB << 17)  # memory of this process, touched
    found = measure_starts(
        {"a": (tmp_path / "a.onnx", feeds), "b": (tmp_path / "b.onnx", feeds)},
        "b", Reporter(), count=2,
    )  # fmt: skip
    assert not isinstance(found, Failed)
    assert found["a"].start.median > 0
    assert found["a"].first_run.median > 0
    assert 0 < found["a"].peak_bytes.median < held.nbytes
    assert 0 <= found["a"].added_bytes.median < found["a"].peak_bytes.median
    assert found["a"].memory_ratio is not None
    assert (found["b"].start_ratio, found["b"].memory_ratio) == (None, None)


def test_a_process_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"\xff" * 100)
    reporter = Reporter()
    found = measure_starts({"no": (tmp_path / "no.onnx", {})}, None, reporter, count=1)
    assert isinstance(found, Failed)
    (told,) = reporter.diagnostics
    assert told.rule.slug == "measure/process"
    assert "ended with status 1" in told.message
    assert told.notes
