"""The whole way from a picture to numbers against torchvision's own transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import pixel_steps, to_tensor
from archc.runtime.model_input import ModelInput
from archc.runtime.pixels import to_pixels
from archc.runtime.preprocess import Preprocess
from tests.unit.runtime.torchvision_transforms import NAMES, pictures, transforms

pytestmark = pytest.mark.oracle

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STEPS = Preprocess(resize=256, crop=224, mean=MEAN, std=STD)

# Values reach 2.7 in single precision: a few roundings of 2^-23 each.
TOLERANCE = 1e-6


@pytest.fixture(params=NAMES)
def picture(request: pytest.FixtureRequest) -> Image.Image:
    return pictures()[request.param]


def in_two_generations(picture: Image.Image) -> list[Any]:
    import torch

    v1, v2 = transforms("v1"), transforms("v2")
    first = v1.Compose([v1.Resize(256), v1.CenterCrop(224), v1.ToTensor(), v1.Normalize(MEAN, STD)])
    second = v2.Compose(
        [v2.Resize(256), v2.CenterCrop(224), v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
         v2.Normalize(MEAN, STD)]
    )  # fmt: skip
    return [given(picture.convert("RGB")).numpy() for given in (first, second)]


def test_the_whole_way_agrees_with_torchvisions(picture: Image.Image) -> None:
    found = to_tensor(picture, STEPS, ModelInput("image", (3, 224, 224)), Reporter())
    assert not isinstance(found, Failed)
    for expected in in_two_generations(picture):
        assert np.abs(found.astype(np.float64) - expected).max() < TOLERANCE


def test_one_factor_and_one_shift_agree_with_torchvisions(picture: Image.Image) -> None:
    factors, shifts = (np.array(each, dtype=np.float32) for each in STEPS.scale_and_shift())
    found = to_pixels(picture, pixel_steps(STEPS)).astype(np.float32) * factors + shifts
    assert found.dtype == np.float32
    for expected in in_two_generations(picture):
        assert np.abs(found.transpose(2, 0, 1).astype(np.float64) - expected).max() < TOLERANCE
