from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from archc.runtime.preprocess import Preprocess, final_size


def test_defaults_are_the_languages() -> None:
    steps = Preprocess()
    assert steps.resize is None
    assert steps.crop is None
    assert (steps.interpolation, steps.antialias, steps.color) == ("bilinear", True, "rgb")
    assert (steps.scale, steps.mean, steps.std) == (1 / 255, 0.0, 1.0)


def test_steps_survive_json() -> None:
    steps = Preprocess(resize=256, crop=(224, 192), mean=(0.485, 0.456, 0.406), std=0.2)
    assert Preprocess.model_validate_json(steps.model_dump_json()) == steps


@pytest.mark.parametrize(
    "written",
    [
        {"resize": 0},
        {"resize": [224]},
        {"resize": 100_000},
        {"resize": True},
        {"resize": 224.5},
        {"crop": [224, 224, 3]},
        {"interpolation": "spline"},
        {"antialias": 1},
        {"color": "cmyk"},
        {"std": 0},
        {"std": [1, 0, 1]},
        {"mean": [0.5]},
        {"color": "gray", "mean": [0.1, 0.2, 0.3]},
        {"scale": "1/255"},
        {"Scale": 1},
    ],
)
def test_wrong_steps_are_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Preprocess.model_validate_json(json.dumps(written))


def test_infinite_numbers_are_refused() -> None:
    with pytest.raises(ValidationError):
        Preprocess.model_validate_json('{"mean": Infinity}')


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (Preprocess(), False),
        (Preprocess(resize=256, crop=224, mean=(0, 0, 0), std=(1, 1, 1)), False),
        (Preprocess(scale=1.0), True),
        (Preprocess(mean=(0, 0, 0.1)), True),
        (Preprocess(std=2.0), True),
    ],
)
def test_normalises_says_whether_pixels_change(steps: Preprocess, expected: bool) -> None:
    assert steps.normalises is expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (Preprocess(), None),
        (Preprocess(resize=256), None),
        (Preprocess(resize=(32, 48)), (32, 48)),
        (Preprocess(resize=256, crop=224), (224, 224)),
        (Preprocess(resize=(256, 300), crop=(224, 192)), (224, 192)),
        (Preprocess(crop=5), (5, 5)),
    ],
)
def test_the_final_size_is_known_where_it_is_the_steps(
    steps: Preprocess, expected: tuple[int, int] | None
) -> None:
    assert final_size(steps) == expected


@given(
    pixel=st.integers(0, 255),
    scale=st.floats(1e-3, 10),
    mean=st.tuples(*[st.floats(-300, 300)] * 3),
    std=st.tuples(*[st.floats(1e-2, 300)] * 3),
)
def test_scale_and_shift_are_the_normalisation_in_two_steps(
    pixel: int,
    scale: float,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> None:
    factors, shifts = Preprocess(scale=scale, mean=mean, std=std).scale_and_shift()
    for factor, shift, m, s in zip(factors, shifts, mean, std, strict=True):
        terms = abs(pixel * scale / s) + abs(m / s)
        assert pixel * factor + shift == pytest.approx((pixel * scale - m) / s, abs=terms * 1e-15)


def test_scale_and_shift_are_one_a_channel() -> None:
    assert Preprocess(scale=1, mean=4.0, std=2.0).scale_and_shift() == ((0.5,) * 3, (-2.0,) * 3)
    assert Preprocess(color="gray", mean=(0.5,)).scale_and_shift() == ((1 / 255,), (-0.5,))
