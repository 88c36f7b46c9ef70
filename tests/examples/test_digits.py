"""The digits example without its commands: its files, and the network that they build."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.model import Model, open_model
from archc.runtime.verify import verify

FOLDER = Path(__file__).parents[2] / "examples" / "digits"
PICTURES = sorted((FOLDER / "held_out").glob("*.png"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("digits") / "digits.onnx"
    archc.build(FOLDER / "digits.yaml", path, weights=FOLDER / "lenet5_digits.safetensors")
    opened = open_model(path, Reporter())
    assert not isinstance(opened, Failed)
    return opened


@pytest.fixture(scope="module")
def demo() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "demo.py"))


def test_a_stratified_fifth_is_held_out() -> None:
    counts = Counter(path.name[0] for path in PICTURES)
    assert len(PICTURES) == 360
    assert set(counts) == set("0123456789")
    assert set(counts.values()) <= {35, 36, 37}
    assert len({path.stem.split("_")[1] for path in PICTURES}) == 360


def test_held_out_digits_are_small_gray_pictures() -> None:
    for path in PICTURES:
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("L", (8, 8))
    assert sum(path.stat().st_size for path in PICTURES) < 150_000


def test_the_built_network_gives_torchs_answers(model: Model) -> None:
    found = verify(model, FOLDER / "answers.npz", Reporter())
    assert not isinstance(found, Failed)
    (logits,) = found.outputs
    assert logits.relative < 1e-5
    assert (logits.samples, logits.same_top) == (8, 8)
    assert (found.unanswered, found.unused) == ((), ())


def test_the_model_carries_its_labels_and_preprocessing(model: Model) -> None:
    assert model.record.labels == tuple("0123456789")
    assert model.record.preprocess is not None
    assert model.record.preprocess.resize == (32, 32)
    assert model.record.is_trained


def test_held_out_digits_are_recognised(model: Model, demo: dict[str, Any]) -> None:
    digits = demo["recognise"](model.path, PICTURES, Reporter())
    wanted = np.array([int(path.name[0]) for path in PICTURES])
    assert (np.array(digits) == wanted).mean() >= 0.97


def test_the_dozen_shows_every_digit(demo: dict[str, Any]) -> None:
    dozen = demo["a_dozen"]()
    assert len(set(dozen)) == 12
    assert {path.name[0] for path in dozen} == set("0123456789")


def test_an_untrained_network_fails_the_demonstration(
    tmp_path: Path, demo: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    archc.build(FOLDER / "digits.yaml", tmp_path / "drawn.onnx")
    assert demo["accuracy"](tmp_path / "drawn.onnx") == 1
    assert "of 360" in capsys.readouterr().out
    assert demo["accuracy"](tmp_path / "none.onnx") == 1
