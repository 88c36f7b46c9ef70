"""Every variant gives its reference implementation's answers to the same weights.

`make oracle` compares the light variants and one of each family;
`pytest tests/zoo -m oracle --all-variants` compares all.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import archc
from tests.zoo.built_model import BuiltModel
from tests.zoo.oracle_answers import (
    assert_faithful,
    compute_answers,
    make_answers,
    save_weights,
)
from tests.zoo.reference import reference_model
from tests.zoo.variants import SIDE_SETTINGS, VARIANTS, Variant

pytestmark = pytest.mark.oracle

ROOT = Path(__file__).parents[2]
FREE_SIZES = ((129, 97), (96, 160))
"""Odd sizes, where floors, ceilings and paddings show, and sizes that are not square."""


def checkpoint_suffix(variant: Variant) -> str:
    """Half of the variants come from each format."""
    return (".safetensors", ".pth")[list(VARIANTS).index(variant.name) % 2]


def test_answers_are_the_references(built_variant: Variant, scratch: Path) -> None:
    name = built_variant.name
    weights = scratch / f"weights{checkpoint_suffix(built_variant)}"
    reference = reference_model(name, seed=0)
    save_weights(reference, weights)
    built = archc.build(name, scratch / "model.onnx", weights=weights)
    assert built.is_trained
    weights.unlink()

    model = BuiltModel(scratch / "model.onnx")
    answers = compute_answers(reference, name)
    assert_faithful(model.answer(answers["input"])["logits"], answers)
    for size in () if built_variant.is_fixed_size else FREE_SIZES:
        answers = compute_answers(reference, name, size=size, batch=1, seed=1)
        assert_faithful(model.answer(answers["input"])["logits"], answers)


@pytest.mark.parametrize("name", SIDE_SETTINGS)
def test_side_heads_answer_as_the_references(name: str, scratch: Path) -> None:
    weights, path = make_answers(name, scratch, side=True)
    archc.build(name, scratch / "model.onnx", weights=weights, settings=SIDE_SETTINGS[name])
    with np.load(path) as answers:
        got = BuiltModel(scratch / "model.onnx").answer(answers["input"])
        assert set(got) == {"logits", *VARIANTS[name].side_heads}
        for output, value in got.items():
            assert_faithful(value, answers, output)


def test_the_command_writes_a_checkpoint_and_its_answers(scratch: Path) -> None:
    weights, answers = scratch / "w.pth", scratch / "a.npz"
    script = [sys.executable, str(ROOT / "tools" / "oracle.py"), "mobilenet_v1_025"]
    places = ["--weights", str(weights), "--answers", str(answers)]
    subprocess.run([*script, *places, "--size", "64", "96", "--batch", "3"], check=True)
    archc.build("mobilenet_v1_025", scratch / "model.onnx", weights=weights)
    with np.load(answers) as found:
        assert found["input"].shape == (3, 3, 64, 96)
        assert_faithful(BuiltModel(scratch / "model.onnx").answer(found["input"])["logits"], found)
