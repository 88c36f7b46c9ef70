from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.image_tensor import resized_size, to_pixels, to_tensor
from archc.runtime.model_input import Admitted, ModelInput
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


@pytest.mark.parametrize(
    ("size", "resize", "expected"),
    [
        ((480, 640), 256, (256, 341)),
        ((640, 480), 256, (341, 256)),
        ((100, 100), 7, (7, 7)),
        ((3, 1000), 2, (2, 666)),
        ((480, 640), (10, 20), (10, 20)),
    ],
)
def test_an_int_is_the_shorter_side(
    size: tuple[int, int], resize: int | tuple[int, int], expected: tuple[int, int]
) -> None:
    assert resized_size(size, resize) == expected


def test_shrinking_averages_unless_told_otherwise() -> None:
    stripes = gray([[0, 0, 240, 240, 0, 0, 240, 240]] * 2)
    steps = Preprocess(color="gray", resize=(2, 2))
    # A triangle of weights over eight pixels: 240 · 1.5 / 3.5 and 240 · 2 / 3.5.
    smooth = to_pixels(stripes, steps)
    rough = to_pixels(stripes, steps.model_copy(update={"antialias": False}))
    assert smooth[:, :, 0].tolist() == [[103, 137]] * 2
    assert rough[:, :, 0].tolist() == [[120, 120]] * 2


def test_bilinear_enlarging_has_half_pixel_centres() -> None:
    steps = Preprocess(color="gray", resize=(1, 4), antialias=False)
    assert to_pixels(gray([[0, 100]]), steps)[0, :, 0].tolist() == [0, 25, 75, 100]
    antialiased = Preprocess(color="gray", resize=(1, 4))
    assert to_pixels(gray([[0, 100]]), antialiased)[0, :, 0].tolist() == [0, 25, 75, 100]


def test_bicubic_without_antialias_has_the_coefficient_of_three_quarters() -> None:
    steps = Preprocess(color="gray", resize=(1, 8), interpolation="bicubic", antialias=False)
    found = to_pixels(gray([[50, 50, 150, 150]]), steps)[0, :, 0]
    # Keys' weights a quarter past a pixel are −27, 225, 67 and −9 of 256.
    assert found.tolist() == [50, 46, 39, 73, 127, 161, 154, 150]


def test_nearest_takes_the_pixel_under_the_centre() -> None:
    for antialias in (True, False):
        steps = Preprocess(
            color="gray", resize=(1, 2), interpolation="nearest", antialias=antialias
        )
        assert to_pixels(gray([[1, 2, 3, 4, 5]]), steps)[0, :, 0].tolist() == [2, 4]


def test_crop_is_central_and_rounds_to_even() -> None:
    row = gray([[1, 2, 3, 4, 5, 6, 7]] * 3)
    for wanted, expected in [(4, [3, 4, 5, 6]), (2, [3, 4]), (3, [3, 4, 5])]:
        steps = Preprocess(color="gray", crop=(1, wanted))
        assert to_pixels(row, steps)[0, :, 0].tolist() == expected


def test_crop_pads_a_smaller_picture_with_black() -> None:
    steps = Preprocess(color="gray", crop=(2, 4))
    found = to_pixels(gray([[9], [9], [9], [9]]), steps)
    assert found[:, :, 0].tolist() == [[0, 9, 0, 0]] * 2


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


def test_a_broken_file_is_reported_once(tmp_path: Path) -> None:
    reporter = Reporter()
    assert to_tensor(tmp_path / "none.png", Preprocess(), RGB, reporter) is FAILED
    assert rules(reporter) == ["run/no-such-file"]
