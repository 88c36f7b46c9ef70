"""Every variant builds without a checkpoint, and what is built runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import archc
from tests.zoo.built_model import BuiltModel
from tests.zoo.recipe import draw_input
from tests.zoo.variants import VARIANTS, Variant

SMALL = (96, 128)
"""Free sizes are run small: what is large about them is the oracle's to compare."""

BATCH_TOLERANCE = 1e-4
"""Of the largest logit; ONNX Runtime may sum a batch of three in another order than one image."""


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=str)
def test_variant_builds_and_runs(variant: Variant, scratch: Path) -> None:
    path = scratch / "model.onnx"
    built = archc.build(variant.name, path, seed=0)
    assert not built.is_trained
    assert built.warnings == ()
    onnx.checker.check_model(path, full_check=True)

    size = (variant.size,) * 2 if variant.is_fixed_size else SMALL
    images = draw_input((3, variant.channels, *size))
    model = BuiltModel(path)
    three, one = model.answer(images)["logits"], model.answer(images[:1])["logits"]
    assert three.shape == (3, variant.classes)
    assert one.shape == (1, variant.classes)
    assert np.isfinite(three).all()
    assert three.std() > 0
    assert np.abs(three[:1] - one).max() <= BATCH_TOLERANCE * np.abs(one).max()
