"""Decoding, resizing and cropping against torchvision's own transforms, on real pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from archc.runtime.pixels import PixelSteps, decode, to_pixels
from tests.unit.runtime.encoded_pictures import files, photograph
from tests.unit.runtime.torchvision_transforms import NAMES, mode, pictures, transforms

pytestmark = pytest.mark.oracle

SIZES: list[int | tuple[int, int]] = [256, 97, 500, (224, 224), (33, 640), (427, 640)]
CROPS: list[int | tuple[int, int]] = [(224, 224), (101, 100), (500, 700), (427, 641), (1, 1), 223]


@pytest.fixture(params=["v1", "v2"])
def tv(request: pytest.FixtureRequest) -> Any:
    return transforms(request.param)


@pytest.fixture(params=NAMES)
def picture(request: pytest.FixtureRequest) -> Image.Image:
    return pictures()[request.param]


def channels_last(expected: Any) -> NDArray[np.uint8]:
    pixels = np.asarray(expected)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_antialiased_resizing_is_torchvisions(
    tv: Any, picture: Image.Image, interpolation: str, color: str
) -> None:
    given = picture.convert("L" if color == "gray" else "RGB")
    for size in SIZES:
        expected = tv.Resize(size, mode(interpolation), antialias=True)(given)
        found = to_pixels(picture, PixelSteps(size, None, interpolation, color=color))
        assert np.array_equal(found, channels_last(expected)), size


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_rough_resizing_agrees_with_torchvisions_on_tensors(
    picture: Image.Image, interpolation: str
) -> None:
    # The second generation resizes tensors of bytes in whole numbers, and is itself several off
    # the first.
    tv = transforms("v1")
    tensor = tv.functional.pil_to_tensor(picture.convert("RGB"))
    for size in SIZES:
        expected = tv.Resize(size, mode(interpolation), antialias=False)(tensor).numpy()
        found = to_pixels(picture, PixelSteps(size, None, interpolation, antialias=False))
        apart = np.abs(found.transpose(2, 0, 1).astype(int) - expected)
        # torch interpolates in single precision, so a value near a half may round the other way.
        assert apart.max() <= 1, size
        assert (apart > 0).mean() < 1e-3, size


def test_cropping_is_torchvisions(tv: Any, picture: Image.Image) -> None:
    for size in CROPS:
        expected = tv.CenterCrop(size)(picture.convert("RGB"))
        assert np.array_equal(to_pixels(picture, PixelSteps(crop=size)), expected), size


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("resize", "crop"), [(256, 224), ((91, 77), (77, 90)), (61, 73)])
def test_files_of_every_kind_come_out_as_torchvisions_data_sets(
    tv: Any,
    tmp_path: Path,
    interpolation: str,
    resize: int | tuple[int, int],
    crop: int | tuple[int, int],
) -> None:
    steps = tv.Compose(
        [tv.Resize(resize, mode(interpolation), antialias=True), tv.CenterCrop(crop)]
    )
    for name, data in files().items():
        for color in ("rgb", "gray"):
            loaded = loaded_by_torchvision(tmp_path / name, data)
            expected = steps(tv.Grayscale()(loaded) if color == "gray" else loaded)
            found = to_pixels(decode(data), PixelSteps(resize, crop, interpolation, color=color))
            assert np.array_equal(found, channels_last(expected)), (name, color)


def loaded_by_torchvision(path: Path, data: bytes) -> Image.Image:
    from torchvision.datasets.folder import pil_loader

    if path.name.startswith("sixteen-bits"):
        # It does not scale 16 bits to 8; what was stored is the gray photograph, times 257.
        return photograph().convert("L").convert("RGB")
    path.write_bytes(data)
    loaded: Image.Image = pil_loader(str(path))
    return loaded
