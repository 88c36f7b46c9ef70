from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.graph.layer import Layer, Reach
from archc.layers.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from archc.layers.unpooling import MaxUnpool
from archc.shapes.size import evaluate, symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import Model, Value, infer_layer, run_layer, type_of
from tests.layers.windows_by_hand import (
    Axis,
    image_windows,
    images,
    ints,
    paddings,
    pool,
    sizes,
)

OPSETS = st.sampled_from([13, 17, 21])
FLOAT32_CLOSE = 1e-5
"""Means of a few normal numbers in float32."""

pool_arguments = st.fixed_dictionaries(
    {"kernel": ints(1, 4), "padding": paddings(2), "ceil": st.booleans()},
    optional={"stride": ints(1, 4)},
)


def windows_of(size: tuple[int, int], arguments: dict[str, Any]) -> tuple[Axis, Axis]:
    """The windows that a pool's arguments mean; the stride is the kernel where it is left out."""
    return image_windows(size, **{"stride": arguments["kernel"], **arguments})


def is_admitted(windows: tuple[Axis, Axis]) -> bool:
    """Whether the padding is below the kernel and something comes out."""
    return all(axis.starts and max(axis.before, axis.after) < axis.kernel for axis in windows)


def maximum(inside: list[npt.NDArray[Any]], padding: int) -> npt.NDArray[Any]:
    return np.asarray(np.max(inside, axis=0))


def mean(inside: list[npt.NDArray[Any]], padding: int) -> npt.NDArray[Any]:
    return np.asarray(np.sum(inside, axis=0) / len(inside))


def mean_with_padding(inside: list[npt.NDArray[Any]], padding: int) -> npt.NDArray[Any]:
    return np.asarray(np.sum(inside, axis=0) / (len(inside) + padding))


@settings(deadline=None, max_examples=80)
@given(
    arguments=pool_arguments,
    dilation=ints(1, 3),
    size=sizes(),
    symbolic=st.booleans(),
    opset=OPSETS,
)
def test_max_pool_gives_what_its_definition_gives(
    *,
    arguments: dict[str, Any],
    dilation: int | tuple[int, int],
    size: tuple[int, int],
    symbolic: bool,
    opset: int,
) -> None:
    x = images(1, 2, size)
    layer = MaxPool(dilation=dilation, **arguments)
    windows = windows_of(size, {**arguments, "dilation": dilation})
    if not _is_admitted_or_reported(layer, x, windows, arguments):
        return
    if _has_window_of_padding_alone(windows):
        return
    ran = run_layer(layer, x, symbolic=symbolic, opset=opset)
    np.testing.assert_array_equal(ran.output, pool(x, windows, maximum))


@settings(deadline=None, max_examples=80)
@given(
    arguments=pool_arguments,
    include_pad=st.booleans(),
    size=sizes(),
    symbolic=st.booleans(),
    opset=OPSETS,
)
def test_avg_pool_gives_what_its_definition_gives(
    *,
    arguments: dict[str, Any],
    include_pad: bool,
    size: tuple[int, int],
    symbolic: bool,
    opset: int,
) -> None:
    x = images(2, 2, size)
    layer = AvgPool(include_pad=include_pad, **arguments)
    windows = windows_of(size, arguments)
    if not _is_admitted_or_reported(layer, x, windows, arguments):
        return
    ran = run_layer(layer, x, symbolic=symbolic, opset=opset)
    expected = pool(x, windows, mean_with_padding if include_pad else mean)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


def _is_admitted_or_reported(
    layer: Layer,
    x: npt.NDArray[Any],
    windows: tuple[Axis, Axis],
    arguments: dict[str, Any],
) -> bool:
    same = arguments["padding"] == "same"
    if same or is_admitted(windows):
        return True
    _, check = infer_layer(layer, type_of(x))
    assert set(check.rules) <= {"layer/window-too-large", "pool/padding-too-large"}
    assert check.rules
    return False


def _has_window_of_padding_alone(windows: tuple[Axis, Axis]) -> bool:
    """With dilation, all places of a window may lie in the padding that `same` or `ceil` adds."""
    return any(
        all(axis.kind(place) != "input" for place in axis.taps(start))
        for axis in windows
        for start in axis.starts
    )


@settings(deadline=None, max_examples=60)
@given(arguments=pool_arguments)
def test_pool_bound_on_a_symbolic_input_is_what_numbers_admit(arguments: dict[str, Any]) -> None:
    symbolic = TensorType.image(DType.FLOAT32, 3, symbol("H"), symbol("W"))
    for layer in (MaxPool(dilation=2, **arguments), AvgPool(**arguments)):
        inferred, check = infer_layer(layer, symbolic)
        for height, width in itertools.product(range(1, 9), repeat=2):
            fixed, fixed_check = infer_layer(
                layer, TensorType.image(DType.FLOAT32, 3, height, width)
            )
            large = height >= check.least.get("H", 1) and width >= check.least.get("W", 1)
            assert (large and not check.errors) == (not fixed_check.errors)
            if isinstance(fixed, TensorType) and isinstance(inferred, TensorType):
                values = {"H": height, "W": width}
                assert fixed.sizes == tuple(evaluate(size, values) for size in inferred.sizes)


def test_stride_of_a_pool_is_its_kernel_unless_given() -> None:
    x = TensorType.image(DType.FLOAT32, 3, 12, 12)
    for layer in (MaxPool(kernel=(2, 3)), AvgPool(kernel=(2, 3))):
        inferred, _ = infer_layer(layer, x)
        assert isinstance(inferred, TensorType)
        assert inferred.sizes == (3, 6, 4)
        assert layer.reach((x,)) == Reach((2, 3), (2, 3))


@pytest.mark.parametrize("symbolic", [False, True])
def test_plain_pools_are_one_operator(symbolic: bool) -> None:
    x = images(3, 4, (11, 12))
    plain = [
        MaxPool(kernel=3, stride=2, padding=1, ceil=True),
        MaxPool(kernel=3, stride=2, padding="same"),
        AvgPool(kernel=3, stride=2, padding=1),
        AvgPool(kernel=3, stride=2, ceil=True),
        AvgPool(kernel=3, stride=2, padding=1, ceil=True, include_pad=False),
    ]
    for layer in plain:
        ops = run_layer(layer, x, symbolic=symbolic).ops
        assert ops in (["MaxPool"], ["AveragePool"])


@pytest.mark.parametrize("layer", [MaxPool, AvgPool])
def test_pools_take_float16(layer: type[MaxPool | AvgPool]) -> None:
    x = images(4, 2, (5, 6)).astype(np.float16)
    arguments: dict[str, Any] = {"kernel": 3, "stride": 2, "padding": 1, "ceil": True}
    ran = run_layer(layer(**arguments), x, symbolic=True)
    reduce = maximum if layer is MaxPool else mean_with_padding
    expected = pool(x.astype(np.float32), windows_of((5, 6), arguments), reduce)
    np.testing.assert_allclose(ran.output, expected, atol=1e-2)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("keep_dims", [False, True])
def test_global_pools_go_over_the_whole_image(keep_dims: bool, symbolic: bool) -> None:
    x = images(5, 3, (4, 5))
    average = run_layer(GlobalAvgPool(keep_dims=keep_dims), x, symbolic=symbolic)
    largest = run_layer(GlobalMaxPool(keep_dims=keep_dims), x, symbolic=symbolic)
    expected = x.mean(axis=(2, 3), keepdims=keep_dims)
    np.testing.assert_allclose(average.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)
    np.testing.assert_array_equal(largest.output, x.max(axis=(2, 3), keepdims=keep_dims))
    names = ("channels", "height", "width") if keep_dims else ("channels",)
    assert average.type.names == largest.type.names == names


def test_global_pools_reach_the_whole_image() -> None:
    fixed = TensorType.image(DType.FLOAT32, 3, 7, 9)
    symbolic = TensorType.image(DType.FLOAT32, 3, symbol("H"), 9)
    for layer in (GlobalAvgPool(), GlobalMaxPool()):
        assert layer.reach((fixed,)) == Reach((7, 9), (1, 1))
        assert layer.reach((symbolic,)) is None


def unpool_model(
    layer: MaxPool, x: npt.NDArray[Any], opset: int, *, symbolic: bool
) -> tuple[Model, Value]:
    """A pool, its maxima times ten, put back."""
    model = Model([type_of(x, symbolic=symbolic)], opset=opset)
    pooled = model.add(
        layer, model.inputs, path="encoder.pool", wanted_sides=frozenset({"indices"})
    )
    value = model.add(
        MaxUnpool(of="encoder.pool"),
        [pooled, pooled, model.inputs[0]],
        path="up",
        side_source="encoder.pool",
    )
    return model, value


@settings(deadline=None, max_examples=60)
@given(
    arguments=pool_arguments,
    dilation=ints(1, 3),
    size=sizes(3, 9),
    symbolic=st.booleans(),
    opset=OPSETS,
)
def test_max_unpool_puts_the_maxima_back(
    *,
    arguments: dict[str, Any],
    dilation: int | tuple[int, int],
    size: tuple[int, int],
    symbolic: bool,
    opset: int,
) -> None:
    x = images(6, 2, size)
    layer = MaxPool(dilation=dilation, **arguments)
    windows = windows_of(size, {**arguments, "dilation": dilation})
    if not _is_admitted_or_reported(layer, x, windows, arguments):
        return
    if _has_window_of_padding_alone(windows):
        return
    model, value = unpool_model(layer, x, opset, symbolic=symbolic)
    result, _ = model.run(x)
    assert value.type == model.inputs[0].type
    found = pool(x, windows, maximum)
    expected = np.zeros_like(x)
    for n, c in itertools.product(range(2), range(2)):
        is_maximum = np.isin(x[n, c], found[n, c])
        expected[n, c][is_maximum] = x[n, c][is_maximum]
    np.testing.assert_array_equal(result, expected)


def test_max_unpool_takes_float16() -> None:
    x = images(7, 2, (4, 4)).astype(np.float16)
    model, _ = unpool_model(MaxPool(kernel=2), x, 17, symbolic=False)
    result, _ = model.run(x)
    assert result.dtype == np.float16
    assert (result != 0).sum() == 2 * 2 * 2 * 2


def test_max_unpool_wants_what_its_pool_gave() -> None:
    image = TensorType.image(DType.FLOAT32, 4, 8, 8)
    pooled, other = image.with_size(2, 4).with_size(3, 4), image.with_size(2, 4)
    assert infer_layer(MaxUnpool(of="pool"), pooled, pooled, image)[0] == image
    _, check = infer_layer(MaxUnpool(of="pool"), other, pooled, image)
    assert [(error.rule, error.at) for error in check.errors] == [("max_unpool/shape", "of")]
    assert "8 columns, but `pool` gave 4" in check.errors[0].message
    vector = TensorType.vector(DType.FLOAT32, 4)
    assert infer_layer(MaxUnpool(of="pool"), vector, pooled, image)[1].rules == [
        "layer/needs-image"
    ]


@pytest.mark.parametrize(
    ("layer", "rule", "at", "shown"),
    [
        (MaxPool(kernel=2, padding=2), "pool/padding-too-large", "padding", "padding 2"),
        (
            AvgPool(kernel=(4, 2), padding=(2, 2)),
            "pool/padding-too-large",
            "padding",
            "kernel 2",
        ),
        (MaxPool(kernel=9), "layer/window-too-large", "kernel", "covers 9 rows"),
        (MaxPool(kernel=4, dilation=3), "layer/window-too-large", "kernel", "3·(4 − 1) + 1"),
        (AvgPool(kernel=11, padding=1), "layer/window-too-large", "kernel", "(8 + 1 + 1)"),
        (AvgPool(kernel=11, stride=2, ceil=True), "layer/window-too-large", "kernel", "come out"),
    ],
)
def test_mistakes_in_pools_are_reported(layer: Layer, rule: str, at: str, shown: str) -> None:
    _, check = infer_layer(layer, TensorType.image(DType.FLOAT32, 3, 8, 8))
    assert {(error.rule, error.at) for error in check.errors} == {(rule, at)}
    assert shown in check.errors[0].message


@pytest.mark.parametrize(
    "layer", [MaxPool(kernel=1), AvgPool(kernel=1), GlobalAvgPool(), GlobalMaxPool()]
)
def test_pools_refuse_what_is_no_image_of_floats(layer: Layer) -> None:
    vector = TensorType.vector(DType.FLOAT32, 10)
    positions = TensorType.image(DType.INT64, 1, 4, 4)
    assert infer_layer(layer, vector)[1].rules == ["layer/needs-image"]
    assert infer_layer(layer, positions)[1].rules == ["layer/needs-float"]


def test_same_counts_its_padding_only_where_asked() -> None:
    x = np.ones((1, 1, 4, 4), np.float32)
    arguments: dict[str, Any] = {"kernel": 3, "stride": 1, "padding": "same"}
    counted = run_layer(AvgPool(**arguments), x).output
    ignored = run_layer(AvgPool(include_pad=False, **arguments), x).output
    assert counted[0, 0, 0, 0] == pytest.approx(4 / 9)
    assert ignored[0, 0, 0, 0] == pytest.approx(1)


@pytest.mark.parametrize("size", [(5, 6), (6, 7), (7, 8), (8, 9), (9, 10)])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 3), (4, 4)])
def test_same_with_a_stride_beyond_the_kernel_on_symbolic_sizes(
    kernel: tuple[int, int], size: tuple[int, int]
) -> None:
    # ONNX Runtime refuses `SAME_UPPER` where the windows leave lines out.
    arguments: dict[str, Any] = {"kernel": kernel, "stride": 5, "padding": "same"}
    x, windows = images(8, 2, size), windows_of(size, arguments)
    found = run_layer(MaxPool(**arguments), x, symbolic=True).output
    np.testing.assert_array_equal(found, pool(x, windows, maximum))
    for include_pad, reduce in ((False, mean), (True, mean_with_padding)):
        layer = AvgPool(include_pad=include_pad, **arguments)
        found = run_layer(layer, x, symbolic=True).output
        expected = pool(x, windows, reduce)
        np.testing.assert_allclose(found, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


def test_pool_arguments_may_be_pairs() -> None:
    pooled, _ = infer_layer(
        MaxPool(kernel=(1, 3), stride=(1, 2), padding=(0, 1)),
        TensorType.image(DType.FLOAT32, 3, 8, 8),
    )
    assert isinstance(pooled, TensorType)
    assert pooled.sizes == (3, 8, 4)
