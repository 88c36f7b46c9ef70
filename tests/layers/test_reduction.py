"""Reductions: values against numpy, axes kept or gone, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archc.layers.axes import AxisArgument
from archc.layers.reduction import Argmax, Max, Mean
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

NUMBERS: dict[AxisArgument, int] = {"channels": 1, "height": 2, "width": 3}
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))


@settings(max_examples=60, deadline=None)
@given(
    sizes=SIZES,
    axes=st.lists(
        st.sampled_from(["channels", "height", "width"]), min_size=1, max_size=3, unique=True
    ),
    as_numbers=st.booleans(),
    keep_dims=st.booleans(),
    symbolic=st.booleans(),
    opset=st.sampled_from([13, 18]),
)
def test_values_and_shapes_are_those_of_numpy(
    *,
    sizes: tuple[int, ...],
    axes: list[AxisArgument],
    as_numbers: bool,
    keep_dims: bool,
    symbolic: bool,
    opset: int,
) -> None:
    x = np.random.default_rng(1).normal(size=sizes).astype(np.float32)
    numbers = tuple(NUMBERS[axis] for axis in axes)
    argument: tuple[AxisArgument, ...] = numbers if as_numbers else tuple(axes)
    mean = run_layer(Mean(axis=argument, keep_dims=keep_dims), x, symbolic=symbolic, opset=opset)
    expected = x.astype(np.float64).mean(numbers, keepdims=keep_dims)
    assert np.allclose(mean.output, expected, atol=1e-6)
    largest = run_layer(Max(axis=argument, keep_dims=keep_dims), x, symbolic=symbolic, opset=opset)
    assert np.array_equal(largest.output, x.max(numbers, keepdims=keep_dims))
    kept = [name for name in ("channels", "height", "width") if keep_dims or name not in axes]
    assert mean.type.names == largest.type.names == tuple(kept)


@settings(max_examples=30, deadline=None)
@given(sizes=SIZES, axis=st.sampled_from([*NUMBERS, 1, 2, 3]), symbolic=st.booleans())
def test_argmax_gives_positions_without_the_axis(
    sizes: tuple[int, ...], axis: AxisArgument, symbolic: bool
) -> None:
    # few different values, so that the first of equal ones matters
    x = np.random.default_rng(2).integers(0, 3, size=sizes).astype(np.float32)
    ran = run_layer(Argmax(axis=axis), x, symbolic=symbolic)
    assert ran.type.dtype is DType.INT64
    assert np.array_equal(ran.output, x.argmax(axis if isinstance(axis, int) else NUMBERS[axis]))


def test_argmax_of_features_gives_one_number_a_sample() -> None:
    ran = run_layer(Argmax(), np.array([[1, 3, 2], [5, 4, 5]], np.float32))
    assert ran.output.tolist() == [1, 0]
    assert ran.type.axes == ()


def test_one_axis_may_stand_without_a_list() -> None:
    x = type_of(np.zeros((1, 2, 3, 4), np.float32))
    found, _ = infer_layer(Mean(axis="height"), x)
    assert isinstance(found, TensorType)
    assert found.sizes == (2, 1, 4)


@pytest.mark.parametrize("layer", [Mean(axis=("height", 2)), Max(axis=(1, "channels"))])
def test_an_axis_given_twice_is_reported(layer: Mean | Max) -> None:
    _, check = infer_layer(layer, type_of(np.zeros((1, 2, 3, 4), np.float32)))
    assert check.rules == ["layer/repeated-axis"]


@pytest.mark.parametrize("layer", [Mean(axis=0), Max(axis=("channels", 4)), Argmax(axis=0)])
def test_an_axis_that_is_not_there_is_reported(layer: Mean | Max | Argmax) -> None:
    _, check = infer_layer(layer, type_of(np.zeros((1, 2, 3, 4), np.float32)))
    assert check.rules == ["layer/unknown-axis"]


@pytest.mark.parametrize("layer", [Mean(axis=1), Max(axis=1), Argmax()])
def test_integers_are_reported(layer: Mean | Max | Argmax) -> None:
    _, check = infer_layer(layer, TensorType.vector(DType.INT64, 3))
    assert check.rules == ["layer/needs-float"]


@pytest.mark.parametrize("arguments", [{}, {"axis": ()}, {"axis": "depth"}, {"axis": True}])
def test_wrong_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Mean.model_validate(arguments)
