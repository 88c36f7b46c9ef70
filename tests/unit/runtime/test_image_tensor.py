from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.image_tensor import pixel_steps, to_tensor
from archc.runtime.model_input import Admitted, ModelInput
from archc.runtime.pixels import PixelSteps
from archc.runtime.preprocess import Preprocess
from archc.shapes.tensor_type import DType
from tests.unit.runtime.reporting import only, rules

RGB = ModelInput("image", (3, 2, 2))
COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [51, 102, 153]]], dtype=np.uint8
)  # fmt: skip


def tensor(image: Image.Image, steps: Preprocess, target: ModelInput) -> NDArray[np.generic]:
    reporter = Reporter()
    found = to_tensor(image, steps, target, reporter)
    assert not reporter.diagnostics
    assert not isinstance(found, Failed)
    return found


def refused(image: Image.Image, steps: Preprocess, target: ModelInput) -> Reporter:
    reporter = Reporter()
    assert to_tensor(image, steps, target, reporter) is FAILED
    return reporter


def gray(values: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(values, dtype=np.uint8))


def test_pixels_are_scaled_and_channels_come_first() -> None:
    found = tensor(Image.fromarray(COLOURS), Preprocess(), RGB)
    assert found.dtype == np.float32
    assert found.shape == (3, 2, 2)
    assert found[0].tolist() == [[1, 0], [0, np.float32(0.2)]]
    assert found[2].tolist() == [[0, 0], [1, np.float32(0.6)]]


def test_mean_and_std_apply_to_scaled_pixels_a_channel() -> None:
    steps = Preprocess(mean=(0.2, 0.4, 0.6), std=(0.5, 0.25, 2))
    found = tensor(Image.fromarray(COLOURS), steps, RGB)
    assert found[:, 1, 1] == pytest.approx([0, 0, 0], abs=1e-7)
    assert found[:, 0, 0] == pytest.approx([1.6, -1.6, -0.3])


def test_scale_may_keep_pixels_as_they_are() -> None:
    found = tensor(Image.fromarray(COLOURS), Preprocess(scale=1, mean=100), RGB)
    assert found[:, 1, 1].tolist() == [-49, 2, 53]


def test_bgr_turns_the_channels_round() -> None:
    steps = Preprocess(color="bgr", scale=1, mean=(1, 2, 3))
    assert tensor(Image.fromarray(COLOURS), steps, RGB)[:, 1, 1].tolist() == [152, 100, 48]


def test_gray_is_the_luma_of_colours() -> None:
    steps = Preprocess(color="gray", scale=1)
    found = tensor(Image.fromarray(COLOURS), steps, ModelInput("image", (1, 2, 2)))
    assert found[0].tolist() == [[76, 150], [29, 93]]


def test_a_gray_picture_fills_three_channels() -> None:
    found = tensor(gray([[0, 255], [51, 102]]), Preprocess(), RGB)
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_bytes_are_given_as_they_are() -> None:
    target = ModelInput("image", (3, 2, 2), DType.UINT8, nhwc=True)
    found = tensor(Image.fromarray(COLOURS), Preprocess(), target)
    assert found.dtype == np.uint8
    assert found.tolist() == COLOURS.tolist()


def test_halves_are_rounded_once() -> None:
    target = ModelInput("image", (3, 2, 2), DType.FLOAT16)
    found = tensor(Image.fromarray(COLOURS), Preprocess(mean=0.1, std=0.3), target)
    assert found.dtype == np.float16
    assert found[0, 1, 1] == np.float16((51 / 255 - 0.1) / 0.3)


def test_bytes_cannot_be_normalised() -> None:
    target = ModelInput("image", (3, 2, 2), DType.UINT8)
    reporter = refused(Image.fromarray(COLOURS), Preprocess(mean=0.5), target)
    assert rules(reporter) == ["run/bytes-normalised"]


def test_the_steps_to_pixels_are_the_preprocessings() -> None:
    assert pixel_steps(Preprocess()) == PixelSteps()
    given = Preprocess(resize=9, crop=(7, 5), interpolation="bicubic", antialias=False, color="bgr")
    assert pixel_steps(given) == PixelSteps(9, (7, 5), "bicubic", False, "bgr")


def test_another_size_is_reported_with_the_steps_to_write() -> None:
    reporter = refused(Image.fromarray(COLOURS), Preprocess(), ModelInput("image", (3, 32, 48)))
    found = only(reporter)
    assert found.rule.slug == "run/size"
    assert "2 × 2" in found.message
    assert "`preprocess: {resize: [32, 48]}`" in found.helps[0]


def test_symbols_admit_their_sizes_alone() -> None:
    where = {"H": Admitted(least=4, multiple_of=4)}
    target = ModelInput("image", (1, "H", "H"), where=where)
    steps = Preprocess(color="gray")
    assert tensor(Image.new("L", (8, 8)), steps, target).shape == (1, 8, 8)
    assert "`H` is one size" in only(refused(Image.new("L", (4, 8)), steps, target)).notes[0]
    odd = refused(Image.new("L", (10, 10)), steps, target)
    assert odd.diagnostics[0].notes == ("`H` is a multiple of 4, 4 or more, not 10",)


def test_another_number_of_channels_is_reported_with_the_colour_to_write() -> None:
    reporter = refused(Image.fromarray(COLOURS), Preprocess(), ModelInput("image", (1, 2, 2)))
    assert only(reporter).rule.slug == "run/channels"
    assert "color: gray" in only(reporter).helps[0]


def test_features_take_no_picture() -> None:
    reporter = refused(Image.fromarray(COLOURS), Preprocess(), ModelInput("x", (10,)))
    assert rules(reporter) == ["run/input-is-no-image"]


def test_enlarging_is_bounded() -> None:
    reporter = refused(Image.new("L", (1000, 1)), Preprocess(resize=1000), RGB)
    assert rules(reporter) == ["run/image-too-large"]
    padded = refused(Image.new("L", (9, 9)), Preprocess(crop=(16384, 16384)), RGB)
    assert rules(padded) == ["run/image-too-large"]


def test_a_picture_of_no_pixels_is_reported() -> None:
    for steps in (Preprocess(), Preprocess(resize=2), Preprocess(crop=2)):
        assert rules(refused(Image.new("RGB", (0, 5)), steps, RGB)) == ["run/not-an-image"]


def test_a_broken_file_is_reported_once(tmp_path: Path) -> None:
    reporter = Reporter()
    assert to_tensor(tmp_path / "none.png", Preprocess(), RGB, reporter) is FAILED
    assert rules(reporter) == ["run/no-such-file"]
