"""Upsampling: values against formulas in plain numpy, symbolic sizes, and what is refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archc.layers.upsampling import Upsample
from archc.shapes.domain import Domain
from archc.shapes.size import floor_div, scale, symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import Model, infer_layer, run_layer, type_of

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

H, W = symbol("H"), symbol("W")
SMALL = st.integers(1, 7)
BILINEAR_ERROR = 5e-6
"""Positions are float32 in the runtime: at sizes below 30, about 1e-6 off, on values of order 1."""


def normal(*sizes: int) -> Floats:
    return np.random.default_rng(0).normal(size=sizes).astype(np.float32)


def nearest(x: Floats, height: int, width: int) -> Floats:
    rows = [i * x.shape[2] // height for i in range(height)]
    columns = [j * x.shape[3] // width for j in range(width)]
    result: Floats = x[:, :, rows][..., columns]
    return result


def linear(n: int, m: int, align_corners: bool) -> Doubles:
    """The matrix (m, n) that interpolates n positions to m."""
    matrix = np.zeros((m, n))
    for i in range(m):
        if align_corners:
            at = i * (n - 1) / (m - 1) if m > 1 else 0.0
        else:
            at = min(max((i + 0.5) * n / m - 0.5, 0), n - 1)
        low = int(at)
        matrix[i, low] += 1 - (at - low)
        matrix[i, min(low + 1, n - 1)] += at - low
    return matrix


def bilinear(x: Floats, height: int, width: int, align_corners: bool) -> Doubles:
    rows = linear(x.shape[2], height, align_corners)
    columns = linear(x.shape[3], width, align_corners)
    result: Doubles = rows @ x.astype(np.float64) @ columns.T
    return result


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), SMALL, SMALL),
    factor=st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4))),
    symbolic=st.booleans(),
    opset=st.sampled_from([13, 17, 20]),
)
def test_a_factor_multiplies_height_and_width(
    *,
    sizes: tuple[int, ...],
    factor: int | tuple[int, int],
    symbolic: bool,
    opset: int,
) -> None:
    x = normal(*sizes)
    by = (factor, factor) if isinstance(factor, int) else factor
    target = sizes[2] * by[0], sizes[3] * by[1]
    ran = run_layer(Upsample(factor=factor), x, symbolic=symbolic, opset=opset)
    assert np.array_equal(ran.output, nearest(x, *target))
    if symbolic:
        assert ran.type.sizes[1:] == (scale(H, by[0]), scale(W, by[1]))
    for corners in (False, True):
        layer = Upsample(factor=factor, mode="bilinear", align_corners=corners)
        smooth = run_layer(layer, x, symbolic=symbolic, opset=opset)
        assert np.allclose(smooth.output, bilinear(x, *target, corners), atol=BILINEAR_ERROR)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), SMALL, SMALL),
    target=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    symbolic=st.booleans(),
    opset=st.sampled_from([13, 17, 20]),
)
def test_a_size_is_met_exactly(
    *, sizes: tuple[int, ...], target: tuple[int, int], symbolic: bool, opset: int
) -> None:
    x = normal(*sizes)
    ran = run_layer(Upsample(size=target), x, symbolic=symbolic, opset=opset)
    assert ran.type.sizes == (sizes[1], *target)
    assert np.array_equal(ran.output, nearest(x, *target))
    for corners in (False, True):
        layer = Upsample(size=target, mode="bilinear", align_corners=corners)
        smooth = run_layer(layer, x, symbolic=symbolic, opset=opset)
        assert np.allclose(smooth.output, bilinear(x, *target, corners), atol=BILINEAR_ERROR)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(("n", "m"), [(14, 2), (14, 64), (20, 12), (25, 60), (18, 78)])
def test_nearest_does_not_round_where_positions_meet(n: int, m: int, symbolic: bool) -> None:
    x = np.arange(n, dtype=np.float32).reshape(1, 1, 1, n)
    ran = run_layer(Upsample(size=(1, m)), x, symbolic=symbolic)
    assert ran.output.ravel().tolist() == [i * n // m for i in range(m)]


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(2, 12),
    width=st.integers(2, 12),
    is_nearest=st.booleans(),
    opset=st.sampled_from([17, 20]),
)
def test_like_takes_height_and_width_of_another_layer(
    *, height: int, width: int, is_nearest: bool, opset: int
) -> None:
    """A map of half the size, rounded down, comes back to the size that was halved."""
    whole, half = normal(2, 3, height, width), normal(2, 4, height // 2, width // 2)
    types = [
        TensorType.image(DType.FLOAT32, 4, floor_div(H, 2), floor_div(W, 2)),
        type_of(whole, symbolic=True),
    ]
    layer = Upsample(like="skip", mode="nearest" if is_nearest else "bilinear")
    model = Model(types, opset=opset)
    value = model.add(layer, model.inputs)
    assert value.type.sizes == (4, H, W)
    output, ops = model.run(half, whole)
    if is_nearest:
        assert np.array_equal(output, nearest(half, height, width))
    else:
        assert np.allclose(output, bilinear(half, height, width, False), atol=BILINEAR_ERROR)
        assert "Resize" in ops


def test_like_a_multiple_needs_no_sizes() -> None:
    types = [
        TensorType.image(DType.FLOAT32, 4, floor_div(H, 4), floor_div(W, 2)),
        TensorType.image(DType.FLOAT32, 3, floor_div(H, 2), W),
    ]
    where = {"H": Domain(multiple_of=4), "W": Domain(multiple_of=2)}
    model = Model(types, domains=where)
    model.add(Upsample(like="skip"), model.inputs)
    x = normal(1, 4, 2, 3)
    output, ops = model.run(x, normal(1, 3, 4, 6))
    assert ops == ["Resize"]
    assert np.array_equal(output, nearest(x, 4, 6))


def test_a_size_of_the_input_is_passed_on_whole() -> None:
    small = TensorType.image(DType.FLOAT32, 4, floor_div(H, 2), 7)
    found, check = infer_layer(Upsample(size=(H, 14)), small)
    assert check.errors == []
    assert isinstance(found, TensorType)
    assert found.sizes == (4, H, 14)


def test_the_same_size_writes_nothing() -> None:
    x = normal(1, 2, 3, 4)
    assert run_layer(Upsample(size=(3, 4)), x).ops in ([], ["Identity"])
    assert run_layer(Upsample(factor=1, mode="bilinear"), x, symbolic=True).ops in (
        [],
        ["Identity"],
    )


def test_float16_goes_through() -> None:
    x = normal(1, 2, 3, 4).astype(np.float16)
    assert run_layer(Upsample(factor=2), x).output.dtype == np.float16
    assert run_layer(Upsample(size=(5, 5), mode="bilinear"), x).output.dtype == np.float16


@pytest.mark.parametrize(
    ("layer", "rule", "at", "message"),
    [
        (
            Upsample(),
            "upsample/target",
            None,
            "`upsample` needs one of `factor`, `size` and `like`",
        ),
        (
            Upsample(factor=2, size=3),
            "upsample/target",
            "size",
            "`upsample` has `factor` and `size`, but takes one of them",
        ),
        (
            Upsample(factor=2, align_corners=True),
            "upsample/corners",
            "align_corners",
            "`align_corners` has no meaning in mode `nearest`",
        ),
    ],
)
def test_arguments_that_do_not_go_together_are_reported(
    layer: Upsample, rule: str, at: str | None, message: str
) -> None:
    _, check = infer_layer(layer, TensorType.image(DType.FLOAT32, 3, 4, 5))
    assert [(e.rule, e.at, e.message) for e in check.errors] == [(rule, at, message)]


def test_only_float_images_are_upsampled() -> None:
    _, check = infer_layer(Upsample(factor=2), TensorType.vector(DType.FLOAT32, 5))
    assert check.rules == ["layer/needs-image"]
    _, check = infer_layer(Upsample(factor=2), TensorType.image(DType.INT64, 3, 4, 5))
    assert check.rules == ["layer/needs-float"]


def test_like_needs_height_and_width() -> None:
    x = TensorType.image(DType.FLOAT32, 3, 4, 5)
    _, check = infer_layer(Upsample(like="fc"), x, TensorType.vector(DType.FLOAT32, 5))
    assert [(e.rule, e.at) for e in check.errors] == [("upsample/like-no-image", "like")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"factor": 0},
        {"factor": 1.5},
        {"factor": (2, 2, 2)},
        {"size": 0},
        {"factor": 2, "mode": "cubic"},
        {"like": 3},
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Upsample.model_validate(arguments)


@pytest.mark.oracle
@pytest.mark.parametrize("target", [(8, 10), (1, 1), (3, 7), (9, 2), (4, 5)])
def test_values_are_those_of_torch(target: tuple[int, int]) -> None:
    import torch

    x = normal(2, 3, 4, 5)
    interpolate = torch.nn.functional.interpolate
    tensor = torch.from_numpy(x)
    expected = interpolate(tensor, size=target, mode="nearest").numpy()
    assert np.array_equal(run_layer(Upsample(size=target), x).output, expected)
    for corners in (False, True):
        smooth = interpolate(tensor, size=target, mode="bilinear", align_corners=corners).numpy()
        layer = Upsample(size=target, mode="bilinear", align_corners=corners)
        assert np.allclose(run_layer(layer, x).output, smooth, atol=BILINEAR_ERROR)
