"""Every network of `specs/keras/` gives Keras's own answers to the same weights.

`make oracle` compares one network of each family; `pytest tests/zoo -m oracle --all-variants`
compares all. Keras builds its network anew for each size; ours is one file for all of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import open_model
from tests.zoo.built_model import BuiltModel
from tests.zoo.keras.network import Network
from tests.zoo.keras.reference import (
    answers,
    draw_image,
    preprocessed,
    reference_model,
    resized,
)
from tests.zoo.oracle_answers import FAITHFUL

pytestmark = [
    pytest.mark.oracle,
    # torch's tensors, as Keras converts them, and NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

FREE_SIZES = ((225, 225), (193, 160))
"""Odd sizes, where floors and paddings show, and sizes that are not square."""

PREPROCESSING_ROUNDING = 2e-5
"""Keras computes in float32 with values up to 255, archc in float64."""


def test_answers_are_those_of_keras(built_network: Network, scratch: Path) -> None:
    reference = reference_model(built_network, seed=0)
    weights = scratch / "model.weights.h5"
    reference.save_weights(weights)
    built = archc.build(
        built_network.name,
        scratch / "model.onnx",
        weights=weights,
        settings=built_network.settings,
    )
    assert built.is_trained
    weights.unlink()

    model = BuiltModel(scratch / "model.onnx")
    default = (built_network.size, built_network.size)
    for size in (default, *(() if built_network.is_fixed_size else FREE_SIZES)):
        image = draw_image(built_network, size, batch=1, seed=1)
        wanted = answers(resized(reference, built_network, size), image)
        (got,) = model.answer(image).values()
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= FAITHFUL * wanted.max(), size


def test_pictures_enter_as_keras_preprocesses_them(built_network: Network, scratch: Path) -> None:
    size = built_network.size
    pixels = np.random.default_rng(2).integers(0, 256, (size, size, 3), np.uint8)
    archc.build(built_network.name, scratch / "model.onnx", settings=built_network.settings)
    reporter = Reporter()
    model = open_model(scratch / "model.onnx", reporter)
    assert not isinstance(model, Failed)
    preprocess = model.record.preprocess
    assert preprocess is not None
    got = to_tensor(Image.fromarray(pixels), preprocess, model.inputs[0], reporter)
    assert not isinstance(got, Failed)
    wanted = preprocessed(built_network, pixels)
    difference = np.subtract(got, wanted, dtype=np.float64)
    assert np.abs(difference).max() <= PREPROCESSING_ROUNDING * np.abs(wanted).max()
