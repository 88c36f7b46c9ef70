"""Softmax and its logarithm: values, axes by name and number, and which axes are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.layers.axes import AxisArgument
from archc.layers.softmax import LogSoftmax, Softmax
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

AXES: dict[AxisArgument, int] = {"channels": 1, "height": 2, "width": 3, 1: 1, 2: 2, 3: 3}


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)),
    axis=st.sampled_from(list(AXES)),
    symbolic=st.booleans(),
)
def test_values_sum_to_one_along_the_axis(
    sizes: tuple[int, ...], axis: AxisArgument, symbolic: bool
) -> None:
    x = 10 * np.random.default_rng(0).normal(size=sizes).astype(np.float32)
    exps = np.exp(x.astype(np.float64))
    expected = exps / exps.sum(AXES[axis], keepdims=True)
    ran = run_layer(Softmax(axis=axis), x, symbolic=symbolic)
    assert ran.type == type_of(x, symbolic=symbolic)
    assert np.allclose(ran.output, expected, atol=1e-6)
    logs = run_layer(LogSoftmax(axis=axis), x, symbolic=symbolic)
    assert np.allclose(logs.output, np.log(expected), rtol=1e-5, atol=1e-5)


def test_features_take_the_place_of_channels_once_flattened() -> None:
    x = np.array([[1.0, 2.0, 3.0]], np.float32)
    by_default = run_layer(Softmax(), x).output
    assert by_default.sum() == pytest.approx(1)
    assert np.array_equal(by_default, run_layer(Softmax(axis="features"), x).output)


def test_only_softmax_gives_probabilities() -> None:
    assert Softmax.is_probability
    assert not LogSoftmax.is_probability


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (0, "`softmax` cannot go along axis 0, the batch"),
        (-1, "`softmax` cannot go along axis -1"),
        (2, "`softmax` goes along axis 2, but the last axis of its input float32 (N, 10) is 1"),
        ("height", "`softmax` goes along `height`, which its input float32 (N, 10) does not have"),
    ],
)
def test_an_axis_that_is_not_there_is_reported(axis: AxisArgument, message: str) -> None:
    _, check = infer_layer(Softmax(axis=axis), TensorType.vector(DType.FLOAT32, 10))
    assert [(e.rule, e.message, e.at) for e in check.errors] == [
        ("layer/unknown-axis", message, "axis")
    ]


def test_integers_are_reported() -> None:
    _, check = infer_layer(LogSoftmax(), TensorType.vector(DType.INT64, 10))
    assert check.rules == ["layer/needs-float"]
