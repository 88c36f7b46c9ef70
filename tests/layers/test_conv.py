from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.graph.layer import Layer, Reach
from archc.layers.convolution import Conv, DepthwiseConv
from archc.layers.transposed_convolution import ConvTranspose
from archc.shapes.size import evaluate, symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import Model, infer_layer, run_layer, type_of
from tests.layers.windows_by_hand import (
    both,
    convolve,
    image_windows,
    images,
    ints,
    paddings,
    sizes,
)

OPSETS = st.sampled_from([13, 17, 21])
FLOAT32_CLOSE = 1e-4
"""Sums of a few dozen products of normal numbers, in float32 against float64."""


def rgb(height: int = 8, width: int = 8, channels: int = 3) -> TensorType:
    return TensorType.image(DType.FLOAT32, channels, height, width)


windows_of_a_conv = st.fixed_dictionaries(
    {
        "kernel": ints(1, 3),
        "stride": ints(1, 3),
        "padding": paddings(3),
        "dilation": ints(1, 3),
    }
)


@settings(deadline=None, max_examples=60)
@given(
    arguments=windows_of_a_conv,
    size=sizes(),
    groups=st.integers(1, 2),
    shares=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    bias=st.booleans(),
    symbolic=st.booleans(),
    opset=OPSETS,
)
def test_conv_gives_what_its_definition_gives(
    *,
    arguments: dict[str, Any],
    size: tuple[int, int],
    groups: int,
    shares: tuple[int, int],
    bias: bool,
    symbolic: bool,
    opset: int,
) -> None:
    channels, out = (groups * share for share in shares)
    layer = Conv(out=out, groups=groups, bias=bias, **arguments)
    windows = image_windows(size, **arguments)
    x = images(1, channels, size)
    if not (windows[0].starts and windows[1].starts):
        _, check = infer_layer(layer, type_of(x))
        assert set(check.rules) == {"layer/window-too-large"}
        return
    ran = run_layer(layer, x, symbolic=symbolic, opset=opset)
    assert set(ran.weights) == ({"weight", "bias"} if bias else {"weight"})
    expected = convolve(x, ran.weights["weight"], windows, groups)
    if bias:
        expected += ran.weights["bias"].reshape(1, -1, 1, 1)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


@settings(deadline=None, max_examples=30)
@given(
    arguments=windows_of_a_conv,
    size=sizes(5),
    channels=st.integers(1, 3),
    multiplier=st.integers(1, 3),
    symbolic=st.booleans(),
)
def test_depthwise_conv_goes_over_each_channel_by_itself(
    arguments: dict[str, Any],
    size: tuple[int, int],
    channels: int,
    multiplier: int,
    symbolic: bool,
) -> None:
    x = images(2, channels, size)
    windows = image_windows(size, **arguments)
    layer = DepthwiseConv(multiplier=multiplier, **arguments)
    if not (windows[0].starts and windows[1].starts):
        return
    ran = run_layer(layer, x, symbolic=symbolic)
    assert ran.weights["weight"].shape == (channels * multiplier, 1, *both(arguments["kernel"]))
    expected = convolve(x, ran.weights["weight"], windows, channels)
    expected += ran.weights["bias"].reshape(1, -1, 1, 1)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


@settings(deadline=None, max_examples=60)
@given(arguments=windows_of_a_conv)
def test_conv_bound_on_a_symbolic_input_is_what_numbers_admit(arguments: dict[str, Any]) -> None:
    layer = Conv(out=2, **arguments)
    symbolic = TensorType.image(DType.FLOAT32, 3, symbol("H"), symbol("W"))
    inferred, check = infer_layer(layer, symbolic)
    assert isinstance(inferred, TensorType)
    assert not check.errors
    for height, width in itertools.product(range(1, 9), repeat=2):
        fixed, fixed_check = infer_layer(layer, rgb(height, width))
        admitted = height >= check.least.get("H", 1) and width >= check.least.get("W", 1)
        assert admitted == (not fixed_check.errors)
        if isinstance(fixed, TensorType):
            values = {"H": height, "W": width}
            assert fixed.sizes == tuple(evaluate(size, values) for size in inferred.sizes)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("height", range(4, 11))
def test_same_with_stride_and_dilation_follows_keras_at_every_size(
    height: int, symbolic: bool
) -> None:
    # Pads that depend on the size, for which ONNX Runtime's auto_pad has no dilation.
    arguments: dict[str, Any] = {
        "kernel": 3,
        "stride": (3, 2),
        "dilation": (2, 1),
        "padding": "same",
    }
    x = images(3, 16, (height, 9))
    ran = run_layer(Conv(out=16, bias=False, **arguments), x, symbolic=symbolic)
    windows = image_windows((height, 9), **arguments)
    expected = convolve(x, ran.weights["weight"], windows, 1)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)
    assert ("Pad" in ran.ops) == symbolic


@pytest.mark.parametrize("height", range(3, 9))
def test_same_with_a_stride_beyond_the_kernel_pads_nothing_below_zero(height: int) -> None:
    arguments: dict[str, Any] = {"kernel": 2, "stride": 5, "dilation": 2, "padding": "same"}
    x = images(4, 2, (height, 7))
    ran = run_layer(Conv(out=3, bias=False, **arguments), x, symbolic=True)
    windows = image_windows((height, 7), **arguments)
    expected = convolve(x, ran.weights["weight"], windows, 1)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


def test_same_is_written_as_plain_pads_where_the_size_does_not_matter() -> None:
    x = images(5, 16, (7, 8))
    assert run_layer(Conv(out=16, kernel=3, padding="same"), x, symbolic=True).ops == ["Conv"]
    strided = run_layer(Conv(out=16, kernel=3, stride=2, padding="same"), x, symbolic=True)
    assert strided.ops == ["Conv"]


def test_float16_convolution_stays_float16() -> None:
    x = images(6, 3, (6, 6)).astype(np.float16)
    fixed = Conv(values=((1, 0), (0, 1)), padding="same", dilation=2, stride=2)
    assert run_layer(Conv(out=2, kernel=3), x).output.dtype == np.float16
    ran = run_layer(fixed, x, symbolic=True)
    expected = convolve(x, np.tile(np.eye(2), (1, 3, 1, 1)), _even_dilated(), 1)
    np.testing.assert_allclose(ran.output, expected, atol=1e-2)


def _even_dilated() -> Any:
    return image_windows((6, 6), kernel=2, stride=2, dilation=2, padding="same")


EDGE = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0))


@pytest.mark.parametrize(
    ("layer", "full"),
    [
        (Conv(values=EDGE), np.tile(EDGE, (1, 4, 1, 1))),
        (Conv(values=EDGE, out=3), np.tile(EDGE, (3, 4, 1, 1))),
        (Conv(values=EDGE, groups=4), np.tile(EDGE, (4, 1, 1, 1))),
        (Conv(values=EDGE, groups=2, out=6, kernel=(2, 3)), np.tile(EDGE, (6, 2, 1, 1))),
        (Conv(values=(EDGE, ((1, 2, 3), (4, 5, 6)))), None),
        (Conv(values=((EDGE, EDGE), (EDGE, EDGE)), groups=2), np.tile(EDGE, (2, 2, 1, 1))),
        (DepthwiseConv(values=EDGE), np.tile(EDGE, (4, 1, 1, 1))),
        (DepthwiseConv(values=EDGE, multiplier=2), np.tile(EDGE, (8, 1, 1, 1))),
        (DepthwiseConv(values=(EDGE,) * 4), np.tile(EDGE, (4, 1, 1, 1))),
    ],
)
def test_fixed_kernel_repeats_over_missing_axes(
    layer: Conv | DepthwiseConv, full: np.ndarray[Any, Any] | None
) -> None:
    x = images(7, 4, (5, 6))
    if full is None:
        full = np.stack([np.tile(EDGE, (4, 1, 1)), np.tile([[1, 2, 3], [4, 5, 6]], (4, 1, 1))])
    ran = run_layer(layer, x)
    assert ran.weights == {}
    groups = 4 // full.shape[1]
    expected = convolve(x, full, image_windows((5, 6), (2, 3), 1, 0), groups)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


@settings(deadline=None, max_examples=60)
@given(
    arguments=windows_of_a_conv,
    size=sizes(1, 5),
    groups=st.integers(1, 2),
    shares=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    more=ints(0, 4),
    bias=st.booleans(),
    symbolic=st.booleans(),
    opset=OPSETS,
)
def test_conv_transpose_is_the_gradient_of_a_convolution(
    *,
    arguments: dict[str, Any],
    size: tuple[int, int],
    groups: int,
    shares: tuple[int, int],
    more: int | tuple[int, int],
    bias: bool,
    symbolic: bool,
    opset: int,
) -> None:
    channels, out = (groups * share for share in shares)
    same = arguments["padding"] == "same"
    if same:
        more = 0
    layer = ConvTranspose(out=out, groups=groups, output_padding=more, bias=bias, **arguments)
    x = images(8, channels, size)
    inferred, check = infer_layer(layer, type_of(x))
    if check.errors:
        assert set(check.rules) == {"conv_transpose/nothing-left"}
        return
    assert isinstance(inferred, TensorType)
    ran = run_layer(layer, x, symbolic=symbolic, opset=opset)
    if same:
        strides = both(arguments["stride"])
        assert ran.output.shape[2:] == tuple(n * s for n, s in zip(size, strides, strict=True))
    # The convolution that it is the gradient of maps its output to its input.
    forward = image_windows(ran.output.shape[2:], **arguments)
    weight = ran.weights["weight"]
    expected = np.zeros(ran.output.shape)
    if bias:
        expected += ran.weights["bias"].reshape(1, -1, 1, 1)
    for c, i, j, u, v in itertools.product(
        range(channels), *map(range, size), *map(range, weight.shape[2:])
    ):
        axes = [
            place
            for axis, at, tap in zip(forward, (i, j), (u, v), strict=True)
            if (place := at * _stride(axis, arguments, forward) - axis.before + tap * axis.dilation)
            >= 0
            and place < axis.n
        ]
        if len(axes) == 2:
            first = c // (channels // groups) * (out // groups)
            part = x[:, c, i, j, None].astype(np.float64) * weight[c, :, u, v]
            expected[:, first : first + out // groups, axes[0], axes[1]] += part
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


def _stride(axis: object, arguments: dict[str, Any], windows: tuple[object, object]) -> int:
    return both(arguments["stride"])[0 if axis is windows[0] else 1]


def test_conv_transpose_size_is_the_formula_of_the_language() -> None:
    layer = ConvTranspose(
        out=1, kernel=4, stride=2, padding=(1, 0, 1, 2), output_padding=(1, 0), dilation=2
    )
    inferred, _ = infer_layer(layer, rgb(5, 6))
    assert isinstance(inferred, TensorType)
    assert inferred.sizes == (1, 4 * 2 - 2 + 2 * 3 + 1 + 1, 5 * 2 - 2 + 2 * 3 + 0 + 1)


@pytest.mark.parametrize(
    ("layer", "parameters", "macs"),
    [
        (Conv(out=64, kernel=7, stride=2, padding=3, bias=False), 9408, 9408 * 112 * 112),
        (Conv(out=6, kernel=3, groups=3), 6 * 9 + 6, 6 * 9 * 222 * 222),
        (DepthwiseConv(kernel=3, padding="same"), 3 * 9 + 3, 27 * 224 * 224),
        (ConvTranspose(out=4, kernel=2, stride=2), 3 * 4 * 4 + 4, 48 * 224 * 224),
        (ConvTranspose(out=6, kernel=2, groups=3), 3 * 2 * 4 + 6, 24 * 224 * 224),
        (Conv(values=EDGE), 0, 3 * 6 * 223 * 222),
    ],
)
def test_parameters_and_macs_of_convolutions(layer: Layer, parameters: int, macs: int) -> None:
    x = rgb(224, 224)
    output, _ = infer_layer(layer, x)
    assert isinstance(output, TensorType)
    weights = layer.weights((x,))
    assert sum(int(np.prod(weight.shape)) for weight in weights if weight.learned) == parameters
    assert layer.macs((x,), output) == macs
    symbolic = TensorType.image(DType.FLOAT32, 3, symbol("H"), symbol("W"))
    output, _ = infer_layer(layer, symbolic)
    assert isinstance(output, TensorType)
    assert evaluate(layer.macs((symbolic,), output), {"H": 224, "W": 224}) == macs


def test_convolutions_extend_the_receptive_field_by_their_windows() -> None:
    inputs = (rgb(),)
    assert Conv(out=1, kernel=(3, 5), stride=(2, 1), dilation=2).reach(inputs) == Reach(
        (5, 9), (2, 1)
    )
    assert DepthwiseConv(kernel=3).reach(inputs) == Reach((3, 3), (1, 1))
    assert ConvTranspose(out=1, kernel=(4, 3), stride=2).reach(inputs) == Reach((2, 2), (1, 1))


def test_init_is_of_the_weight_alone() -> None:
    weight, bias = Conv(out=8, kernel=3, groups=2, init="glorot_uniform").weights(
        (rgb(channels=4),)
    )
    assert (weight.init, weight.fan_in, weight.fan_out) == ("glorot_uniform", 18, 36)
    assert bias.init == "zeros"
    assert Conv(out=1, kernel=1).weights((rgb(),))[0].init == "he_normal"
    assert Conv(out=1, kernel=1, init=0).weights((rgb(),))[0].init == 0


@pytest.mark.parametrize(
    ("layer", "rule", "at", "shown"),
    [
        (Conv(out=8), "conv/incomplete", None, "`kernel`"),
        (Conv(kernel=3), "conv/incomplete", None, "`out`"),
        (Conv(), "conv/incomplete", None, "`out` and `kernel`"),
        (DepthwiseConv(), "conv/incomplete", None, "`kernel`"),
        (Conv(out=8, kernel=3, groups=2), "conv/groups", "groups", "3 input channels"),
        (Conv(out=8, kernel=3, groups=3), "conv/groups", "groups", "8 output channels"),
        (ConvTranspose(out=8, kernel=3, groups=3), "conv/groups", "groups", "8 output channels"),
        (Conv(out=8, kernel=9), "layer/window-too-large", "kernel", "covers 9 rows"),
        (Conv(out=8, kernel=(3, 5), dilation=2), "layer/window-too-large", "kernel", "9 columns"),
        (Conv(out=8, kernel=11, padding=1), "layer/window-too-large", "kernel", "10 (8 + 1 + 1)"),
        (Conv(values=((1,) * 9,)), "layer/window-too-large", "values", "9 columns"),
        (Conv(values=((1, 2), (3,))), "conv/values", "values", "ragged"),
        (Conv(values=((), ())), "conv/values", "values", "ragged"),
        (Conv(values=EDGE, kernel=3), "conv/values", "values", "3 × 3"),
        (Conv(values=(EDGE, EDGE), out=3), "conv/values", "values", "[2, 2, 3]"),
        (Conv(values=((EDGE, EDGE),)), "conv/values", "values", "there are 3"),
        (Conv(values=EDGE, bias=True), "conv/values", "bias", "`bias: true`"),
        (DepthwiseConv(values=(EDGE,)), "conv/values", "values", "3 come out"),
        (ConvTranspose(out=1, kernel=3, padding=10), "conv_transpose/nothing-left", "padding", "-"),
        (
            ConvTranspose(out=1, kernel=3, stride=2, output_padding=1, padding="same"),
            "conv_transpose/output-padding",
            "output_padding",
            "`padding: same`",
        ),
    ],
)
def test_mistakes_in_convolutions_are_reported(
    layer: Layer, rule: str, at: str | None, shown: str
) -> None:
    _, check = infer_layer(layer, rgb())
    assert {(error.rule, error.at) for error in check.errors} == {(rule, at)}
    assert any(shown in error.message for error in check.errors)


@pytest.mark.parametrize(
    "layer", [Conv(out=1, kernel=1), DepthwiseConv(kernel=1), ConvTranspose(out=1, kernel=1)]
)
def test_convolutions_refuse_what_is_no_image(layer: Layer) -> None:
    vector = TensorType.vector(DType.FLOAT32, 10)
    last = rgb().with_axes([rgb().axes[i] for i in (1, 2, 0)])
    positions = TensorType.image(DType.INT64, 1, 4, 4)
    assert infer_layer(layer, vector)[1].rules == ["layer/needs-image"]
    _, check = infer_layer(layer, last)
    assert check.rules == ["layer/needs-image"]
    assert "permute: [0, 3, 1, 2]" in check.errors[0].helps[0]
    assert infer_layer(layer, positions)[1].rules == ["layer/needs-float"]


def test_convolutions_chain_over_symbols() -> None:
    x = images(9, 3, (11, 12))
    model = Model([type_of(x, symbolic=True)])
    layers = [
        Conv(out=4, kernel=3, stride=2, padding="same"),
        ConvTranspose(out=2, kernel=3, stride=2, padding="same", dilation=2),
        DepthwiseConv(kernel=2, dilation=3, stride=3, padding="same"),
    ]
    value = model.inputs[0]
    for i, layer in enumerate(layers):
        weights = {w.name: np.ones(w.shape, np.float32) for w in layer.weights((value.type,))}
        value = model.add(layer, [value], path=f"l{i}", weights=weights)
    result, _ = model.run(x)
    assert result.shape[1:] == tuple(evaluate(s, {"H": 11, "W": 12}) for s in value.type.sizes)
