"""Small variants give the committed answers of their references to weights drawn by a recipe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import archc
from tests.zoo.built_model import BuiltModel
from tests.zoo.recipe import draw_input, draw_weights
from tests.zoo.variants import GOLDEN, GOLDEN_CLASSES

GOLDEN_FILES = Path(__file__).parent / "golden"

ROUNDING = 2e-5
"""Of the largest logit; the references themselves differ by 3e-6 between float32 and float64."""


@pytest.mark.parametrize("name", GOLDEN)
def test_answers_are_the_references(name: str, scratch: Path) -> None:
    golden = json.loads((GOLDEN_FILES / f"{name}.json").read_text(encoding="utf-8"))
    settings = {"classes": GOLDEN_CLASSES}
    weights = archc.elaborate(name, settings=settings).owned_weights()
    shapes = {key: weight.shape for key, (_, weight) in weights.items()}
    save_file(draw_weights(shapes), scratch / "weights.safetensors")
    archc.build(
        name, scratch / "model.onnx", weights=scratch / "weights.safetensors", settings=settings
    )
    image = draw_input(tuple(golden["input"]))
    logits = BuiltModel(scratch / "model.onnx").answer(image)["logits"]
    wanted = np.array(golden["logits"])
    assert logits.shape == wanted.shape
    assert np.abs(logits - wanted).max() <= ROUNDING * np.abs(wanted).max()


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN_FILES.glob("*.json")} == set(GOLDEN)
