from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.layers.dense import Dense
from archc.shapes.size import product, symbol
from archc.shapes.tensor_type import Axis, DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

FLOAT32_CLOSE = 1e-4
"""Sums of a few products of normal numbers in float32."""


@settings(deadline=None, max_examples=40)
@given(
    features=st.integers(1, 8),
    out=st.integers(1, 8),
    before=st.lists(st.integers(1, 4), max_size=2),
    bias=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float16]),
    opset=st.sampled_from([13, 17, 21]),
)
def test_dense_gives_what_its_definition_gives(
    *, features: int, out: int, before: list[int], bias: bool, dtype: Any, opset: int
) -> None:
    x = np.random.default_rng(1).normal(size=(2, *before, features)).astype(dtype)
    names = [*["height", "width"][: len(before)], "channels" if before else "features"]
    ran = run_layer(Dense(out=out, bias=bias), x, types=[type_of(x, names=names)], opset=opset)
    weight = ran.weights["weight"]
    assert weight.shape == (out, features)
    expected = x.astype(np.float64) @ weight.T.astype(np.float64)
    if bias:
        expected += ran.weights["bias"]
    close = FLOAT32_CLOSE if dtype is np.float32 else 2e-2
    np.testing.assert_allclose(ran.output, expected, rtol=close, atol=close)
    assert ran.type.names == tuple(names)


def test_dense_is_one_product_that_keeps_the_layout_of_its_weight() -> None:
    x = np.ones((1, 4), np.float32)
    assert run_layer(Dense(out=3), x).ops == ["Gemm"]


def test_dense_over_channels_gives_features() -> None:
    x = TensorType(DType.FLOAT32, (Axis("channels", 8),))
    assert infer_layer(Dense(out=3), x)[0] == TensorType.vector(DType.FLOAT32, 3)


def test_dense_goes_over_symbolic_positions() -> None:
    x = np.random.default_rng(2).normal(size=(1, 3, 5, 4)).astype(np.float32)
    own = type_of(x, symbolic=True, names=["height", "width", "channels"])
    layer = Dense(out=6)
    ran = run_layer(layer, x, types=[own])
    expected = x @ ran.weights["weight"].T + ran.weights["bias"]
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)
    assert ran.type.sizes == (symbol("H"), symbol("W"), 6)
    assert layer.macs((own,), ran.type) == product([symbol("H"), symbol("W"), 24])


def test_dense_counts_its_weights_and_macs() -> None:
    x = TensorType.vector(DType.FLOAT32, 400)
    layer = Dense(out=120, init="glorot_normal")
    output, _ = infer_layer(layer, x)
    assert isinstance(output, TensorType)
    weight, bias = layer.weights((x,))
    assert (weight.shape, weight.init) == ((120, 400), "glorot_normal")
    assert (weight.fan_in, weight.fan_out) == (400, 120)
    assert (bias.shape, bias.init) == ((120,), "zeros")
    assert layer.macs((x,), output) == 48000
    assert layer.reach((x,)) is None


IMAGE = TensorType.image(DType.FLOAT32, 3, 8, 8)
SYMBOLIC = TensorType.vector(DType.FLOAT32, product([symbol("H"), symbol("W"), 16]))


@pytest.mark.parametrize(
    ("x", "rule", "shown", "helped"),
    [
        (IMAGE, "dense/not-flat", "width", "global_avg_pool: {keep_dims: false}"),
        (IMAGE, "dense/not-flat", "width", "`flatten`"),
        (IMAGE.with_axes(IMAGE.axes[:2]), "dense/not-flat", "height", "`permute`"),
        (IMAGE.with_axes([Axis("", 4)]), "dense/not-flat", "neither", "`permute`"),
        (IMAGE.with_axes([]), "dense/not-flat", "neither", "`permute`"),
        (SYMBOLIC, "dense/symbolic-features", "16·H·W", "`global_avg_pool: {keep_dims: false}`"),
        (TensorType.vector(DType.INT64, 4), "layer/needs-float", "int64", ""),
    ],
)
def test_mistakes_in_dense_layers_are_reported(
    x: TensorType, rule: str, shown: str, helped: str
) -> None:
    _, check = infer_layer(Dense(out=10), x)
    assert check.rules == [rule]
    assert shown in check.errors[0].message
    assert helped in " ".join(check.errors[0].helps)
