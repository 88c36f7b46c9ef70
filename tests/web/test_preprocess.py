"""The page's preprocessing against archc's, to the last bit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from archc.deploy.web.target import page_steps
from archc.runtime.pixels import PixelSteps, decode, to_pixels
from archc.runtime.preprocess import Preprocess
from tests.web.page_program import PageProgram

pytestmark = pytest.mark.web

EXAMPLES = Path(__file__).parents[2] / "examples"
METHODS = list(itertools.product(("nearest", "bilinear", "bicubic"), (True, False)))


@pytest.fixture(scope="module")
def program() -> Iterator[PageProgram]:
    with PageProgram() as running:
        yield running


def noise(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    # Mostly black and white, so that sums reach beyond 0 and 255.
    generator = np.random.default_rng(seed)
    values = generator.normal(127.5, 200, (height, width, 3))
    return values.clip(0, 255).astype(np.uint8)


def assert_same(program: PageProgram, pixels: NDArray[np.uint8], preprocess: Preprocess) -> None:
    steps = page_steps(preprocess)
    wanted = to_pixels(Image.fromarray(pixels), PixelSteps.of(steps))
    np.testing.assert_array_equal(program.tensor(pixels, steps), wanted, strict=True)


def lengths(least: int, most: int) -> st.SearchStrategy[int | tuple[int, int]]:
    length = st.integers(least, most)
    return st.one_of(length, st.tuples(length, length))


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    height=st.integers(1, 120),
    width=st.integers(1, 120),
    seed=st.integers(0, 2**32 - 1),
    resize=st.none() | lengths(1, 90),
    crop=st.none() | lengths(1, 130),
    method=st.sampled_from(METHODS),
    color=st.sampled_from(("rgb", "bgr", "gray")),
)
def test_every_picture_and_all_steps_give_the_pixels_of_archc(
    program: PageProgram,
    height: int,
    width: int,
    seed: int,
    resize: int | tuple[int, int] | None,
    crop: int | tuple[int, int] | None,
    method: tuple[str, bool],
    color: str,
) -> None:
    values = {
        "resize": resize,
        "crop": crop,
        "interpolation": method[0],
        "antialias": method[1],
        "color": color,
    }
    assert_same(program, noise(height, width, seed), Preprocess.model_validate(values))


@pytest.mark.parametrize(("interpolation", "antialias"), METHODS)
@pytest.mark.parametrize("resize", [37, 224, 256, 700, (224, 224), (301, 97)], ids=str)
def test_a_photograph_gives_the_pixels_of_archc(
    program: PageProgram, resize: int | tuple[int, int], interpolation: str, antialias: bool
) -> None:
    pixels = np.asarray(decode((EXAMPLES / "edges" / "picture.jpg").read_bytes()).convert("RGB"))
    values = {"resize": resize, "interpolation": interpolation, "antialias": antialias}
    assert_same(program, pixels, Preprocess.model_validate(values))


@pytest.mark.parametrize("size", [(768, 1024), (1, 1500), (1500, 1), (997, 3), (2, 2)], ids=str)
@pytest.mark.parametrize(("interpolation", "antialias"), METHODS)
def test_large_and_narrow_pictures_give_the_pixels_of_archc(
    program: PageProgram, size: tuple[int, int], interpolation: str, antialias: bool
) -> None:
    values = {
        "resize": (64, 96),
        "crop": (100, 50),
        "interpolation": interpolation,
        "antialias": antialias,
    }
    assert_same(program, noise(*size, seed=3), Preprocess.model_validate(values))


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize(
    "values",
    [
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"scale": 1.0, "mean": 127.5, "std": 128.0, "color": "bgr"},
        {"mean": 0.1307, "std": 0.3081, "color": "gray"},
    ],
    ids=["imagenet", "bgr", "gray"],
)
def test_floats_are_normalised_as_in_archc(
    program: PageProgram, values: dict[str, object], layout: str
) -> None:
    preprocess = Preprocess.model_validate(values)
    steps = page_steps(preprocess)
    pixels = noise(23, 31, seed=5)
    plain = to_pixels(Image.fromarray(pixels), PixelSteps.of(steps))
    scaled = plain.astype(np.float64) * preprocess.scale
    wanted = ((scaled - preprocess.mean) / preprocess.std).astype(np.float32)
    if layout == "nchw":
        wanted = wanted.transpose(2, 0, 1)
    found = program.tensor(pixels, steps, "float32", layout)
    np.testing.assert_array_equal(found, wanted, strict=True)
