"""Flatten, reshape, permute, squeeze: values against numpy, symbolic sizes, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archc.graph.layer import Layer
from archc.layers.axes import AxisArgument
from archc.layers.reshaping import Flatten, Permute, Reshape, Squeeze
from archc.shapes.domain import Domain
from archc.shapes.size import Form, Size, add, floor_div, product, scale, symbol
from archc.shapes.tensor_type import Axis, DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

H, W = symbol("H"), symbol("W")
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))


def numbered(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape)


def typed(found: object) -> TensorType:
    assert isinstance(found, TensorType)
    return found


@settings(max_examples=30, deadline=None)
@given(sizes=SIZES, axis=st.sampled_from([1, 2, 3, "height"]), symbolic=st.booleans())
def test_flatten_joins_the_axes_from_one_on(
    sizes: tuple[int, ...], axis: AxisArgument, symbolic: bool
) -> None:
    x = numbered(sizes)
    at = 2 if isinstance(axis, str) else axis
    ran = run_layer(Flatten(axis=axis), x, symbolic=symbolic)
    assert np.array_equal(ran.output, x.reshape(*sizes[:at], -1))
    assert ran.type.names == (*("channels", "height")[: at - 1], "features")
    if symbolic and at == 1:
        assert ran.type.sizes == (product([sizes[1], H, W]),)


def test_flatten_of_features_writes_nothing() -> None:
    assert run_layer(Flatten(), numbered((2, 5))).ops in ([], ["Identity"])


def splits(count: int) -> st.SearchStrategy[list[int]]:
    """Sizes whose product is a count."""

    @st.composite
    def draw_sizes(draw: st.DrawFn) -> list[int]:
        left, sizes = count, []
        for _ in range(draw(st.integers(0, 3))):
            size = draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0]))
            sizes.append(size)
            left //= size
        return draw(st.permutations([*sizes, left]))

    return draw_sizes()


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, data=st.data())
def test_reshape_keeps_the_order_of_elements(sizes: tuple[int, ...], data: st.DataObject) -> None:
    x = numbered(sizes)
    target = data.draw(splits(math.prod(sizes[1:])))
    shape = list(target)
    if data.draw(st.booleans()):
        shape[data.draw(st.integers(0, len(shape) - 1))] = -1
    ran = run_layer(Reshape(shape=tuple(shape)), x)
    assert ran.type.sizes == tuple(target)
    assert np.array_equal(ran.output, x.reshape(sizes[0], *target))
    names = {1: ("features",), 3: ("channels", "height", "width")}
    assert ran.type.names == names.get(len(target), ("",) * len(target))


@pytest.mark.parametrize(
    ("sizes", "shape", "expected"),
    [
        ((64, H, W), (64, -1), (64, product([H, W]))),
        ((64, H, W), (-1, 64), (product([H, W]), 64)),
        ((64, H, W), (-1,), (product([64, H, W]),)),
        ((64, H, W), (2, 32, H, W), (2, 32, H, W)),
        ((64, H, W), (8, 8, -1), (8, 8, product([H, W]))),
        ((64, H, W), (H, W, -1), (H, W, 64)),
        ((64, H, W), (W, 64, -1), (W, 64, H)),
        ((6, scale(H, 2), W), (4, 3, -1), (4, 3, product([H, W]))),
        ((6, add(H, 1), W), (-1, add(H, 1), 3), (scale(W, 2), add(H, 1), 3)),
        ((product([6, floor_div(H, 2), W]),), (6, -1, W), (6, floor_div(H, 2), W)),
    ],
)
def test_reshape_takes_symbolic_sizes_that_fit_exactly(
    sizes: tuple[Size, ...], shape: tuple[int | Form, ...], expected: tuple[Size, ...]
) -> None:
    x = TensorType(DType.FLOAT32, tuple(Axis("", size) for size in sizes))
    found, check = infer_layer(Reshape(shape=shape), x)
    assert check.errors == []
    assert typed(found).sizes == expected


@pytest.mark.parametrize(
    "shape", [(3, -1), (-1, 3), (W, 3, H), (3, H, -1), (3, W, -1), (H, 3, W, 1), (1, 3, H, W)]
)
def test_reshape_of_symbolic_sizes_runs(shape: tuple[int | Form, ...]) -> None:
    x = numbered((2, 3, 4, 5))
    ran = run_layer(Reshape(shape=shape), x, symbolic=True)
    numbers = [{H: 4, W: 5}[s] if isinstance(s, Form) else s for s in shape]
    assert np.array_equal(ran.output, x.reshape(2, *numbers))


def test_reshape_by_whole_sizes_needs_no_calculation_where_one_is_open() -> None:
    ran = run_layer(Reshape(shape=(3, -1)), numbered((1, 3, 4, 5)), symbolic=True)
    assert ran.ops == ["Reshape"]


def test_reshape_divides_where_the_admitted_sizes_do() -> None:
    x = TensorType.image(DType.FLOAT32, 3, H, W)
    _, check = infer_layer(Reshape(shape=(2, -1)), x)
    assert check.rules == ["reshape/count"]
    found, check = infer_layer(Reshape(shape=(2, -1)), x, domains={"H": Domain(multiple_of=4)})
    assert check.errors == []
    values = {"H": 8, "W": 5}
    assert [s if isinstance(s, int) else s.evaluate(values) for s in typed(found).sizes] == [2, 60]


@pytest.mark.parametrize(
    ("shape", "rule", "part"),
    [
        ((0, 60), "reshape/sizes", "a size in `shape: [0, 60]` is 0"),
        ((-1, -1), "reshape/sizes", "has 2 sizes −1"),
        ((3, 4, 4), "reshape/count", "gives 48 elements a sample, but the input float32 (N, 3, 4"),
        ((7, -1), "reshape/count", "(60) / (7) of the input float32 (N, 3, 4, 5)"),
        ((3, H, -1), "reshape/count", "(20) / (H) of the input float32 (N, 3, 4, 5)"),
        ((3, 4, H), "reshape/count", "gives 12·H elements a sample"),
    ],
)
def test_reshape_to_other_counts_is_reported(
    shape: tuple[int | Form, ...], rule: str, part: str
) -> None:
    x = TensorType.image(DType.FLOAT32, 3, 4, 5)
    _, check = infer_layer(Reshape(shape=shape), x)
    assert [(e.rule, e.at) for e in check.errors] == [(rule, "shape")]
    assert part in check.errors[0].message


@settings(max_examples=30, deadline=None)
@given(sizes=SIZES, order=st.permutations([1, 2, 3]), symbolic=st.booleans())
def test_permute_moves_axes_with_their_names(
    sizes: tuple[int, ...], order: list[int], symbolic: bool
) -> None:
    x = numbered(sizes)
    ran = run_layer(Permute(order=(0, *order)), x, symbolic=symbolic)
    assert np.array_equal(ran.output, x.transpose(0, *order))
    names = ("channels", "height", "width")
    assert ran.type.names == tuple(names[i - 1] for i in order)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2, 3), (0, 1, 1, 3), (0, 1, 2, 4), (1, 2, 3)])
def test_permute_by_no_order_is_reported(order: tuple[int, ...]) -> None:
    _, check = infer_layer(Permute(order=order), TensorType.image(DType.FLOAT32, 3, 4, 5))
    assert [(e.rule, e.at) for e in check.errors] == [("permute/order", "order")]
    assert check.errors[0].helps == ("name each axis once, for example `order: [0, 3, 2, 1]`",)


@pytest.mark.parametrize(
    ("axis", "expected"), [("height", (3, 5)), (2, (3, 5)), ("channels", None), (3, None)]
)
def test_squeeze_takes_away_an_axis_of_size_one(
    axis: AxisArgument, expected: tuple[int, ...] | None
) -> None:
    x = numbered((2, 3, 1, 5))
    if expected is None:
        _, check = infer_layer(Squeeze(axis=axis), type_of(x))
        assert [(e.rule, e.at) for e in check.errors] == [("squeeze/not-one", "axis")]
        return
    ran = run_layer(Squeeze(axis=axis), x)
    assert ran.type.sizes == expected
    assert np.array_equal(ran.output, x[:, :, 0])


def test_squeeze_of_a_symbolic_size_is_reported() -> None:
    _, check = infer_layer(Squeeze(axis="height"), TensorType.image(DType.FLOAT32, 3, H, 1))
    assert check.rules == ["squeeze/not-one"]
    assert "whose size is H and not 1" in check.errors[0].message


@pytest.mark.parametrize("layer", [Flatten(axis=0), Squeeze(axis=0), Flatten(axis=4)])
def test_an_axis_that_is_not_there_is_reported(layer: Layer) -> None:
    _, check = infer_layer(layer, TensorType.image(DType.FLOAT32, 3, 4, 5))
    assert check.rules == ["layer/unknown-axis"]


@pytest.mark.parametrize(
    "layer", [Flatten(), Reshape(shape=(2, -1)), Permute(order=(0, 2, 1, 3)), Squeeze(axis=3)]
)
def test_any_element_type_passes(layer: Layer) -> None:
    x = np.arange(6, dtype=np.int64).reshape(1, 2, 3, 1)
    assert run_layer(layer, x).type.dtype is DType.INT64


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (Reshape, {"shape": ()}),
        (Reshape, {"shape": (-2,)}),
        (Reshape, {"shape": 4}),
        (Reshape, {"shape": (2.0,)}),
        (Permute, {"order": ("height",)}),
        (Permute, {"order": (0, -1)}),
        (Squeeze, {}),
    ],
)
def test_wrong_arguments_are_refused(layer: type[Layer], arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        layer.model_validate(arguments)
