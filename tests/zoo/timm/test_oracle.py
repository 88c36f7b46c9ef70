"""Every network of `specs/timm/` gives timm's answers to the same weights, loaded without a rule.

`make oracle` compares one of each kind; `pytest tests/zoo -m oracle --all-variants` compares all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.pipeline.networks import Choices, Network, elaborate_network
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model_input import ModelInput
from tests.zoo.built_model import BuiltModel
from tests.zoo.oracle_answers import save_weights
from tests.zoo.timm.network import ALL, facts
from tests.zoo.timm.reference import (
    answers,
    assert_faithful,
    bare_model,
    reference_model,
    transformed,
)

pytestmark = pytest.mark.oracle

PICTURE = Path(__file__).parents[3] / "examples" / "edges" / "picture.jpg"

FREE_SIZES = ((129, 98), (96, 161))
"""Odd beside even, where floors, ceilings and paddings show, and sizes that are not square."""


def test_answers_are_timms(network: str, scratch: Path) -> None:
    reference = reference_model(network, seed=0)
    weights = scratch / "weights.safetensors"
    save_weights(reference, weights)
    built = archc.build(f"timm/{network}", scratch / "model.onnx", weights=weights)
    assert built.is_trained
    weights.unlink()
    model = BuiltModel(scratch / "model.onnx")
    size = facts(network).size
    for number, shape in enumerate(((size, size), *FREE_SIZES)):
        image, wanted = answers(reference, shape, batch=2 - bool(number), seed=number)
        got = model.answer(image)["logits"]
        assert_faithful(reference, image, got, wanted)


@pytest.mark.parametrize("name", ALL)
def test_a_picture_becomes_the_input_that_timm_makes_of_it(name: str) -> None:
    reporter = Reporter()
    network = elaborate_network(archc.load(f"timm/{name}"), Choices(), reporter)
    assert isinstance(network, Network)
    assert network.preprocess is not None
    target = ModelInput("image", (3, "H", "W"))
    with Image.open(PICTURE) as picture:
        got = to_tensor(picture, network.preprocess, target, reporter)
        wanted = transformed(bare_model(name), picture.convert("RGB"))
    assert not isinstance(got, Failed)
    assert got.shape == wanted.shape
    assert np.abs(got.astype(np.float32) - wanted).max() <= 1e-5
