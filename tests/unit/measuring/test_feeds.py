"""What models are measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.measuring.feeds import Feeds, check_sizes, draw_feeds
from archc.runtime.model import Model, open_model
from tests.unit.measuring.models import POOL, write_foreign


def model_of(path: Path) -> Model:
    model = open_model(path, Reporter())
    assert not isinstance(model, Failed)
    return model


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "net.yaml").write_text(POOL, encoding="utf-8")
    archc.build(tmp_path / "net.yaml", tmp_path / "net.onnx")
    return model_of(tmp_path / "net.onnx")


def drawn(model: Model, batch: int = 1, **sizes: int) -> Feeds:
    reporter = Reporter()
    feeds = draw_feeds(model, batch, sizes, reporter)
    assert not isinstance(feeds, Failed), reporter.diagnostics
    return feeds


def test_open_sizes_are_the_recorded_ones(model: Model) -> None:
    assert drawn(model)["image"].shape == (1, 3, 64, 64)


def test_sizes_and_batch_can_be_chosen(model: Model) -> None:
    feeds = drawn(model, 2, H=96)
    assert feeds["image"].shape == (2, 3, 96, 64)
    assert feeds["image"].dtype == np.float32


def test_the_same_is_drawn_each_time(model: Model) -> None:
    assert (drawn(model)["image"] == drawn(model)["image"]).all()


def test_the_help_settles_every_open_size_of_another_programs_model(tmp_path: Path) -> None:
    write_foreign(tmp_path / "m.onnx", ("N", 3, "H", "W"))
    reporter = Reporter()
    assert isinstance(draw_feeds(model_of(tmp_path / "m.onnx"), 1, {}, reporter), Failed)
    assert reporter.diagnostics[0].helps == ("say it, for example `--size H=224 --size W=224`",)
    assert drawn(model_of(tmp_path / "m.onnx"), H=8, W=9)["image"].shape == (1, 3, 8, 9)


def test_a_size_that_no_model_has_is_told(model: Model) -> None:
    reporter = Reporter()
    check_sizes([model], {"h": 64}, reporter)
    (told,) = reporter.diagnostics
    assert told.message == "no input has a size `h`"
    assert told.helps == ("did you mean `H`?",)
