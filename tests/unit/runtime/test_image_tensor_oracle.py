"""Resizing, cropping and normalising against torchvision's own transforms, on real photographs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_pixels, to_tensor
from archc.runtime.model_input import ModelInput
from archc.runtime.preprocess import Preprocess
from tests.zoo import reference

pytestmark = pytest.mark.oracle

MODES = ("nearest", "bilinear", "bicubic")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIZES: list[int | tuple[int, int]] = [256, 97, 500, (224, 224), (33, 640), (427, 640)]


@pytest.fixture(scope="module")
def transforms() -> Any:
    reference._torchvision()
    import torchvision.transforms.functional

    return torchvision.transforms.functional


@pytest.fixture(scope="module", params=["china.jpg", "flower.jpg"])
def photograph(request: pytest.FixtureRequest) -> Image.Image:
    datasets = pytest.importorskip("sklearn.datasets")
    return Image.fromarray(datasets.load_sample_image(request.param))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("color", ["RGB", "L"])
def test_antialiased_resizing_equals_torchvisions_on_pictures(
    transforms: Any, photograph: Image.Image, mode: str, size: int | tuple[int, int], color: str
) -> None:
    steps = Preprocess.model_validate(
        {"resize": size, "interpolation": mode, "color": "gray" if color == "L" else "rgb"}
    )
    expected = transforms.resize(
        photograph.convert(color), size, transforms.InterpolationMode(mode)
    )
    found = to_pixels(photograph, steps)
    assert np.array_equal(found.squeeze(), np.asarray(expected))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES)
def test_rough_resizing_agrees_with_torchvisions_on_tensors(
    transforms: Any, photograph: Image.Image, mode: str, size: int | tuple[int, int]
) -> None:
    steps = Preprocess.model_validate({"resize": size, "interpolation": mode, "antialias": False})
    expected = transforms.resize(
        transforms.pil_to_tensor(photograph),
        size,
        transforms.InterpolationMode(mode),
        antialias=False,
    )
    found = to_pixels(photograph, steps).transpose(2, 0, 1)
    apart = np.abs(found.astype(int) - expected.numpy().astype(int))
    # torch interpolates in single precision, so a value near a half may round the other way.
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3


@pytest.mark.parametrize(
    "size", [(224, 224), (101, 100), (500, 700), (427, 641), (1, 1), (430, 99), 223]
)
def test_cropping_equals_torchvisions(
    transforms: Any, photograph: Image.Image, size: int | tuple[int, int]
) -> None:
    expected = transforms.center_crop(photograph, size)
    assert np.array_equal(to_pixels(photograph, Preprocess(crop=size)), np.asarray(expected))


def test_the_whole_way_agrees_with_torchvisions(transforms: Any, photograph: Image.Image) -> None:
    mean, std = IMAGENET
    steps = Preprocess(resize=256, crop=224, mean=mean, std=std)
    found = to_tensor(photograph, steps, ModelInput("image", (3, 224, 224)), Reporter())
    assert not isinstance(found, Failed)
    cropped = transforms.center_crop(transforms.resize(photograph, 256), 224)
    expected = transforms.normalize(transforms.to_tensor(cropped), mean, std)
    assert np.abs(found.astype(np.float64) - expected.numpy()).max() < 1e-6
