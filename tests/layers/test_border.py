"""Pad and slice: values against numpy, symbolic sizes and their bounds, and what is refused."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archc.graph.layer import Layer
from archc.layers.axes import AxisArgument
from archc.layers.border import Pad, PadArgument, Slice
from archc.shapes.size import Form, add, floor_div, subtract, symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

H, W = symbol("H"), symbol("W")
IMAGE = TensorType.image(DType.FLOAT32, 3, H, W)
Mode = Literal["zeros", "reflect", "edge"]
PAD = st.integers(0, 3)


def normal(*sizes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=sizes).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 5)] * 4),
    padding=st.one_of(PAD, st.tuples(PAD, PAD), st.tuples(PAD, PAD, PAD, PAD)),
    channels=st.one_of(PAD, st.tuples(PAD, PAD)),
    mode=st.sampled_from(["zeros", "reflect", "edge"]),
    symbolic=st.booleans(),
)
def test_pad_is_that_of_numpy(
    *,
    sizes: tuple[int, ...],
    padding: PadArgument,
    channels: int | tuple[int, int],
    mode: Mode,
    symbolic: bool,
) -> None:
    x = normal(*sizes)
    four = padding if isinstance(padding, tuple) else (padding,) * 4
    top, left, bottom, right = four if len(four) == 4 else four * 2
    ends = channels if isinstance(channels, tuple) else (channels, channels)
    amounts = [(0, 0), ends, (top, bottom), (left, right)]
    if mode == "reflect":
        assume(all(max(pads) < n for pads, n in zip(amounts, sizes, strict=True)))
    layer = Pad(padding=padding, channels=channels, mode=mode)
    ran = run_layer(layer, x, symbolic=symbolic)
    names = {"zeros": "constant", "reflect": "reflect", "edge": "edge"}
    assert np.array_equal(ran.output, np.pad(x, amounts, mode=names[mode]))  # type: ignore[call-overload]
    if symbolic:
        assert ran.type.sizes[1:] == (add(H, top + bottom), add(W, left + right))


def test_pad_puts_a_value() -> None:
    ran = run_layer(Pad(padding=(0, 1), value=-2), normal(1, 2, 3, 3).astype(np.float16))
    assert np.all(ran.output[..., 0] == -2)
    assert np.all(ran.output[..., -1] == -2)


def test_pad_of_nothing_writes_nothing() -> None:
    assert run_layer(Pad(padding=0), normal(1, 2, 3, 3)).ops in ([], ["Identity"])


def test_pad_takes_positions() -> None:
    x = np.arange(4).reshape(1, 1, 2, 2)
    assert np.array_equal(run_layer(Pad(padding=1), x).output[0, 0, 1:3, 1:3], x[0, 0])


def test_pad_of_features_by_channels() -> None:
    x = normal(2, 3)
    ran = run_layer(Pad(padding=0, channels=(1, 2)), x)
    assert np.array_equal(ran.output, np.pad(x, [(0, 0), (1, 2)]))
    _, check = infer_layer(Pad(padding=1), type_of(x))
    assert [(e.rule, e.at) for e in check.errors] == [("layer/unknown-axis", "padding")]


def test_a_reflecting_pad_bounds_the_input() -> None:
    _, check = infer_layer(Pad(padding=(3, 1, 2, 0), mode="reflect"), IMAGE)
    assert (check.errors, check.least) == ([], {"H": 4, "W": 2})
    x = TensorType.image(DType.FLOAT32, 3, 3, 9)
    _, check = infer_layer(Pad(padding=3, mode="reflect"), x)
    assert [(e.rule, e.message) for e in check.errors] == [
        (
            "pad/reflects-too-far",
            "a pad of 3 reflects beyond the height of the input float32 (N, 3, 3, 9)",
        )
    ]
    _, check = infer_layer(Pad(padding=0, channels=3, mode="reflect"), x)
    assert [(e.rule, e.at) for e in check.errors] == [("pad/reflects-too-far", "channels")]


def test_a_value_that_is_not_used_is_reported() -> None:
    _, check = infer_layer(Pad(padding=1, mode="edge", value=1), IMAGE)
    assert [(e.rule, e.at) for e in check.errors] == [("pad/unused-value", "value")]
    positions = TensorType.image(DType.INT64, 3, 4, 4)
    _, check = infer_layer(Pad(padding=1, value=0.5), positions)
    assert check.rules == ["layer/needs-float"]


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 6)] * 4),
    axis=st.sampled_from(["channels", "height", "width", 1, 2, 3]),
    start=st.integers(-7, 7),
    stop=st.none() | st.integers(-7, 7),
    symbolic=st.booleans(),
)
def test_slice_is_that_of_python_or_an_error(
    *,
    sizes: tuple[int, ...],
    axis: AxisArgument,
    start: int,
    stop: int | None,
    symbolic: bool,
) -> None:
    x = normal(*sizes)
    at = axis if isinstance(axis, int) else ("channels", "height", "width").index(axis) + 1
    n = sizes[at]
    layer = Slice(start=start, stop=stop, axis=axis)
    index = [slice(None)] * 4
    index[at] = slice(start, stop)
    fits = -n <= start <= n and (stop is None or -n <= stop <= n)
    if fits and x[tuple(index)].size:
        assert np.array_equal(run_layer(layer, x).output, x[tuple(index)])
        if symbolic:
            ran = run_layer(layer, x, symbolic=True)
            assert np.array_equal(ran.output, x[tuple(index)])
    else:
        _, check = infer_layer(layer, type_of(x))
        assert check.rules == ["slice/empty" if fits else "slice/out-of-range"]


@pytest.mark.parametrize(
    ("start", "stop", "size", "least"),
    [
        (0, None, H, 1),
        (2, None, subtract(H, 2), 3),
        (-3, None, 3, 3),
        (0, 5, 5, 5),
        (1, -1, subtract(H, 2), 3),
        (-4, -1, 3, 4),
        (2, 5, 3, 5),
        (0, floor_div(H, 2), floor_div(H, 2), 2),
        (floor_div(H, 2), None, subtract(H, floor_div(H, 2)), 1),
    ],
)
def test_slice_of_a_symbolic_axis_bounds_the_input(
    start: int | Form, stop: int | Form | None, size: int | Form, least: int
) -> None:
    layer = Slice(start=start, stop=stop, axis="height")
    found, check = infer_layer(layer, IMAGE)
    assert check.errors == []
    assert isinstance(found, TensorType)
    assert found.sizes == (3, size, W)
    assert check.least.get("H", 1) == least
    values = {"H": max(least, 2) + 3}
    x = normal(1, 3, values["H"], 2)
    bounds = [b.evaluate(values) if isinstance(b, Form) else b for b in (start, stop)]
    ran = run_layer(layer, x, symbolic=True)
    assert np.array_equal(ran.output, x[:, :, slice(*bounds)])


@pytest.mark.parametrize(
    ("start", "stop", "rule", "at", "message"),
    [
        (5, None, "slice/out-of-range", "start", "`start: 5` lies beyond the 3 elements"),
        (0, 4, "slice/out-of-range", "stop", "`stop: 4` lies beyond the 3 elements"),
        (0, -4, "slice/out-of-range", "stop", "`stop: -4` lies beyond the 3 elements"),
        (3, None, "slice/empty", "start", "`start: 3` holds nothing of the 3 elements"),
        (2, 1, "slice/empty", "stop", "`start: 2` with `stop: 1` holds nothing"),
        (0, 0, "slice/empty", "stop", "`start: 0` with `stop: 0` holds nothing"),
    ],
)
def test_slices_that_do_not_fit_are_reported(
    start: int, stop: int | None, rule: str, at: str, message: str
) -> None:
    _, check = infer_layer(Slice(start=start, stop=stop), IMAGE)
    assert [(e.rule, e.at) for e in check.errors] == [(rule, at)]
    assert message in check.errors[0].message


def test_a_symbolic_slice_that_never_fits_is_reported() -> None:
    _, check = infer_layer(Slice(start=-1, stop=1, axis="height"), IMAGE)
    assert check.rules == ["slice/empty"]
    _, check = infer_layer(Slice(stop=H, axis="width"), IMAGE)
    assert check.rules == ["slice/out-of-range"]
    assert check.errors[0].message.startswith("`stop: H` lies beyond the W elements")


def test_slice_along_no_axis_is_reported() -> None:
    _, check = infer_layer(Slice(start=1, axis=4), IMAGE)
    assert [(e.rule, e.at) for e in check.errors] == [("layer/unknown-axis", "axis")]


def test_a_slice_may_end_at_a_part_of_a_symbolic_sum() -> None:
    x = TensorType.image(DType.FLOAT32, 3, add(H, W), 4)
    found, check = infer_layer(Slice(start=W, axis="height"), x)
    assert check.errors == []
    assert isinstance(found, TensorType)
    assert found.sizes == (3, H, 4)


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (Pad, {}),
        (Pad, {"padding": -1}),
        (Pad, {"padding": "same"}),
        (Pad, {"padding": (1, 2, 3)}),
        (Pad, {"padding": 1, "mode": "wrap"}),
        (Slice, {"start": 1.5}),
        (Slice, {"start": True}),
        (Slice, {"axis": "depth"}),
    ],
)
def test_wrong_arguments_are_refused(layer: type[Layer], arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        layer.model_validate(arguments)
