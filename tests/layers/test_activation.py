"""Layers that calculate each element by itself: values against the formulas, in every ONNX form."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archc.graph.layer import Layer
from archc.layers.activation import (
    Gelu,
    HardSigmoid,
    HardSwish,
    Mish,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from archc.layers.elementwise import Abs, Clip, Identity, Sqrt, Square
from archc.layers.rectifier import Elu, LeakyRelu, Prelu, Relu, Relu6, Selu
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

Doubles = npt.NDArray[np.float64]

FLOAT32_ERROR = 2e-6
"""Relative to max(1, |y|): a few roundings of float32, and ONNX Runtime's polynomials for exp."""

FLOAT16_ERROR = 4e-3
"""The same for float16, whose numbers are 2^-11 apart."""

POINTS = np.concatenate([np.linspace(-9, 9, 73), [-80.0, -6, -3, -0.0, 0.0, 3, 6, 80.0]])


def sigmoid(x: Doubles) -> Doubles:
    result: Doubles = 1 / (1 + np.exp(-x))
    return result


def softplus(x: Doubles) -> Doubles:
    result: Doubles = np.logaddexp(0, x)
    return result


def gelu(x: Doubles) -> Doubles:
    return np.array([v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in x.ravel()]).reshape(x.shape)


def gelu_tanh(x: Doubles) -> Doubles:
    result: Doubles = x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return result


CASES: list[tuple[Layer, Callable[[Doubles], Doubles]]] = [
    (Relu(), lambda x: np.maximum(x, 0)),
    (Relu6(), lambda x: np.clip(x, 0, 6)),
    (LeakyRelu(), lambda x: np.where(x < 0, 0.01 * x, x)),
    (LeakyRelu(slope=0.3), lambda x: np.where(x < 0, 0.3 * x, x)),
    (Elu(), lambda x: np.where(x < 0, np.expm1(x), x)),
    (Elu(alpha=2), lambda x: np.where(x < 0, 2 * np.expm1(x), x)),
    (
        Selu(),
        lambda x: 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(x), x),
    ),
    (Sigmoid(), sigmoid),
    (HardSigmoid(), lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    (Tanh(), np.tanh),
    (Silu(), lambda x: x * sigmoid(x)),
    (HardSwish(), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    (Gelu(), gelu),
    (Gelu(approximate=True), gelu_tanh),
    (Mish(), lambda x: x * np.tanh(softplus(x))),
    (Softplus(), softplus),
    (Identity(), lambda x: x),
    (Abs(), np.abs),
    (Square(), lambda x: x * x),
    (Clip(min=-1, max=2.5), lambda x: np.clip(x, -1, 2.5)),
    (Clip(min=0.5), lambda x: np.maximum(x, 0.5)),
    (Clip(max=0.5), lambda x: np.minimum(x, 0.5)),
]


def shown(value: object) -> str | None:
    return f"{value.op}-{value!r}" if isinstance(value, Layer) else None


@pytest.mark.parametrize("opset", [13, 17, 20])
@pytest.mark.parametrize(("layer", "formula"), CASES, ids=shown)
def test_values_are_those_of_the_formula(
    layer: Layer, formula: Callable[[Doubles], Doubles], opset: int
) -> None:
    x = POINTS.astype(np.float32).reshape(3, 3, 3, 3)
    ran = run_layer(layer, x, opset=opset)
    expected = formula(x.astype(np.float64))
    assert ran.type == type_of(x)
    error = np.abs(ran.output - expected) / np.maximum(1, np.abs(expected))
    assert error.max() < FLOAT32_ERROR


@pytest.mark.parametrize(("layer", "formula"), CASES, ids=shown)
def test_values_hold_in_float16(layer: Layer, formula: Callable[[Doubles], Doubles]) -> None:
    x = POINTS.astype(np.float16).reshape(1, 81)
    ran = run_layer(layer, x, opset=20)
    expected = formula(x.astype(np.float64))
    error = np.abs(ran.output - expected) / np.maximum(1, np.abs(expected))
    assert error.max() < FLOAT16_ERROR


def test_sqrt_is_the_root() -> None:
    x = np.array([[0.0, 0.25, 2.0, 1e6]], np.float32)
    assert np.allclose(run_layer(Sqrt(), x).output, np.sqrt(x.astype(np.float64)), rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.integers(1, 5),
    spatial=st.sampled_from([(), (2, 3), (1, 1), (4, 1)]),
    shared=st.booleans(),
)
def test_prelu_has_a_slope_for_each_channel(
    channels: int, spatial: tuple[int, ...], shared: bool
) -> None:
    x = np.random.default_rng(channels).normal(size=(2, channels, *spatial)).astype(np.float32)
    ran = run_layer(Prelu(shared=shared), x)
    slope = ran.weights["weight"]
    assert slope.shape == ((1,) if shared else (channels,))
    per_axis = slope.reshape(-1, *(1 for _ in spatial))
    assert np.array_equal(ran.output, np.where(x < 0, per_axis * x, x))


def test_prelu_finds_channels_that_stand_last() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    types = [type_of(x, names=["height", "width", "channels"])]
    ran = run_layer(Prelu(), x, types=types)
    assert np.array_equal(ran.output, np.where(x < 0, ran.weights["weight"] * x, x))


def test_prelu_starts_at_a_quarter_unless_init_says_otherwise() -> None:
    x = type_of(np.zeros((1, 3, 2, 2), np.float32))
    assert [(w.name, w.shape, w.init) for w in Prelu().weights((x,))] == [("weight", (3,), 0.25)]
    assert Prelu(init="zeros").weights((x,))[0].init == "zeros"


def test_prelu_without_channels_is_reported() -> None:
    x = type_of(np.zeros((1, 3, 2), np.float32), names=["height", "width"])
    _, check = infer_layer(Prelu(), x)
    assert check.rules == ["layer/needs-channels"]
    found, check = infer_layer(Prelu(shared=True), x)
    assert (found, check.rules) == (x, [])


def test_positions_are_no_floats() -> None:
    x = TensorType.vector(DType.INT64, 3)
    for layer, _ in CASES:
        found, check = infer_layer(layer, x)
        if isinstance(layer, Identity):
            assert (found, check.rules) == (x, [])
        else:
            assert check.rules == ["layer/needs-float"]
            assert f"`{layer.op}`" in check.errors[0].message


def test_clip_needs_a_bound_and_a_range() -> None:
    x = TensorType.vector(DType.FLOAT32, 3)
    assert infer_layer(Clip(), x)[1].rules == ["clip/no-bound"]
    _, check = infer_layer(Clip(min=2, max=-1), x)
    assert check.rules == ["clip/empty-range"]
    assert check.errors[0].message == "`min: 2` is above `max: -1`"
    assert infer_layer(Clip(min=1, max=1), x)[0] == x


def test_identity_writes_nothing() -> None:
    assert run_layer(Identity(), np.ones((1, 2), np.float32)).ops in ([], ["Identity"])
    assert Identity.is_inert


@pytest.mark.parametrize(
    ("layer", "opset", "ops"),
    [
        (Relu6(), 17, ["Clip"]),
        (Silu(), 20, ["Sigmoid", "Mul"]),
        (HardSwish(), 17, ["HardSwish"]),
        (HardSigmoid(), 17, ["HardSigmoid"]),
        (Gelu(), 20, ["Gelu"]),
        (Gelu(), 17, ["Div", "Erf", "Add", "Mul", "Mul"]),
        (Square(), 17, ["Mul"]),
    ],
    ids=shown,
)
def test_the_form_is_the_one_that_runs_fastest(layer: Layer, opset: int, ops: list[str]) -> None:
    assert run_layer(layer, np.ones((1, 2, 3, 3), np.float32), opset=opset).ops == ops


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (LeakyRelu, {"slope": True}),
        (LeakyRelu, {"slope": math.inf}),
        (Elu, {"alpha": "1"}),
        (Gelu, {"approximate": 1}),
        (Relu, {"slope": 0.1}),
        (Clip, {"min": math.nan}),
    ],
)
def test_wrong_arguments_are_refused(layer: type[Layer], arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        layer(**arguments)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("layer", "name", "arguments"),
    [
        (Relu6(), "relu6", {}),
        (LeakyRelu(), "leaky_relu", {}),
        (Elu(alpha=0.5), "elu", {"alpha": 0.5}),
        (Selu(), "selu", {}),
        (HardSigmoid(), "hardsigmoid", {}),
        (Silu(), "silu", {}),
        (HardSwish(), "hardswish", {}),
        (Gelu(), "gelu", {}),
        (Gelu(approximate=True), "gelu", {"approximate": "tanh"}),
        (Mish(), "mish", {}),
        (Softplus(), "softplus", {}),
    ],
)
def test_values_are_those_of_torch(layer: Layer, name: str, arguments: dict[str, object]) -> None:
    import torch

    x = POINTS.astype(np.float32).reshape(1, 81)
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(x), **arguments).numpy()
    assert np.allclose(run_layer(layer, x, opset=20).output, expected, rtol=1e-5, atol=2e-6)
