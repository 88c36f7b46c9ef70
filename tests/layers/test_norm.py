from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.graph.layer import Layer
from archc.layers.batch_normalization import BatchNorm
from archc.layers.normalization import GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm
from archc.layers.scaling import Multiply, Normalize, Scale, Shift
from archc.shapes.size import symbol
from archc.shapes.tensor_type import Axis, DType, TensorType
from tests.layers.one_layer import Ran, infer_layer, run_layer, type_of

Array = npt.NDArray[Any]

FLOAT32_CLOSE = 2e-4
"""Normalized numbers around 1 in float32; small variances make differences of 1e-5 larger."""

FLOAT16_CLOSE = 3e-2
"""Normalized numbers around 1, of 11 bits, times weights around 1."""

OPSETS = st.sampled_from([13, 16, 17, 20, 21])
LAYOUTS: dict[str, Sequence[str]] = {
    "image": ("channels", "height", "width"),
    "channels last": ("height", "width", "channels"),
    "vector": ("features",),
}
layouts = st.sampled_from(list(LAYOUTS.values()))
epsilons = st.sampled_from([1e-5, 1e-3, 1])


def draw(names: Sequence[str], channels: int, seed: int = 0, dtype: Any = np.float32) -> Array:
    """A batch of three, its axes of these names; height is 3 and width 4."""
    sizes = {"height": 3, "width": 4}
    shape = [sizes.get(name, channels) for name in names]
    x = np.random.default_rng(seed).normal(2, 3, size=(3, *shape))
    return x.astype(dtype)


def run(layer: Layer, x: Array, names: Sequence[str], **options: Any) -> Ran:
    own = type_of(x, symbolic=options.pop("symbolic", False), names=names)
    ran = run_layer(layer, x, types=[own], **options)
    assert ran.type == own
    return ran


def along(numbers: Array | float, names: Sequence[str]) -> Array:
    """Numbers, one a channel, along the channels of an array with these axes."""
    axis = next(i for i, name in enumerate(names) if name in ("channels", "features"))
    shape = [1] * (len(names) + 1)
    shape[axis + 1] = -1
    return np.reshape(np.asarray(numbers, np.float64), shape)


def standardized(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    x = x.astype(np.float64)
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return np.asarray((x - mean) / np.sqrt(variance + eps))


def affine(y: Array, ran: Ran, names: Sequence[str]) -> Array:
    if not ran.weights:
        return y
    weight, bias = (along(ran.weights[name], names) for name in ("weight", "bias"))
    return np.asarray(y * weight + bias)


def assert_close(ran: Ran, expected: Array) -> None:
    close = FLOAT16_CLOSE if ran.output.dtype == np.float16 else FLOAT32_CLOSE
    np.testing.assert_allclose(ran.output, expected, rtol=close, atol=close)


dtypes = st.sampled_from([np.float32, np.float16])


@settings(deadline=None, max_examples=50)
@given(
    names=layouts,
    channels=st.integers(1, 5),
    arguments=st.fixed_dictionaries(
        {"eps": epsilons},
        optional={"scale": st.booleans(), "center": st.booleans(), "momentum": st.just(0.01)},
    )
    | st.fixed_dictionaries({"eps": epsilons, "affine": st.booleans()}),
    symbolic=st.booleans(),
    dtype=dtypes,
    opset=OPSETS,
)
def test_batch_norm_gives_what_its_definition_gives(
    *,
    names: Sequence[str],
    channels: int,
    arguments: dict[str, Any],
    symbolic: bool,
    dtype: Any,
    opset: int,
) -> None:
    x = draw(names, channels, dtype=dtype)
    ran = run(BatchNorm(**arguments), x, names, symbolic=symbolic, opset=opset)
    wanted = {"running_mean", "running_var"}
    if arguments.get("affine", True):
        wanted |= {"weight"} if arguments.get("scale", True) else set()
        wanted |= {"bias"} if arguments.get("center", True) else set()
    assert set(ran.weights) == wanted
    weights = {name: along(w, names) for name, w in ran.weights.items()}
    centred = x.astype(np.float64) - weights["running_mean"]
    expected = centred / np.sqrt(weights["running_var"] + arguments["eps"])
    expected = expected * weights.get("weight", 1) + weights.get("bias", 0)
    assert_close(ran, expected)


def test_batch_norm_learns_two_numbers_a_channel_and_keeps_two() -> None:
    x = TensorType.image(DType.FLOAT32, 8, 4, 4)
    weights = BatchNorm(init=0).weights((x,))
    assert [(w.name, w.shape, w.init, w.learned) for w in weights] == [
        ("weight", (8,), 0, True),
        ("bias", (8,), "zeros", True),
        ("running_mean", (8,), "zeros", False),
        ("running_var", (8,), "ones", False),
    ]
    assert BatchNorm().weights((x,))[0].init == "ones"


@settings(deadline=None, max_examples=50)
@given(
    names=layouts,
    channels=st.integers(2, 6),
    eps=epsilons,
    learns=st.booleans(),
    symbolic=st.booleans(),
    dtype=dtypes,
    opset=OPSETS,
)
def test_layer_norm_goes_over_the_channels_wherever_they_stand(
    *,
    names: Sequence[str],
    channels: int,
    eps: float,
    learns: bool,
    symbolic: bool,
    dtype: Any,
    opset: int,
) -> None:
    x = draw(names, channels, 1, dtype)
    layer = LayerNorm(eps=eps, affine=learns)
    ran = run(layer, x, names, symbolic=symbolic, opset=opset)
    axis = 1 + next(i for i, name in enumerate(names) if name in ("channels", "features"))
    assert_close(ran, affine(standardized(x, (axis,), eps), ran, names))
    assert set(ran.weights) == ({"weight", "bias"} if learns else set())


def test_layer_norm_of_large_float16_numbers_does_not_overflow() -> None:
    x = np.array([[-1000.0, 1000.0, 3000.0, 500.0]], np.float16)
    for opset in (13, 17):
        ran = run(LayerNorm(affine=False), x, ["features"], opset=opset)
        assert_close(ran, standardized(x, (1,), 1e-5))


@settings(deadline=None, max_examples=30)
@given(
    channels=st.integers(1, 4),
    eps=epsilons,
    arguments=st.fixed_dictionaries({}, optional={"affine": st.booleans()}),
    symbolic=st.booleans(),
    dtype=dtypes,
    opset=OPSETS,
)
def test_instance_norm_goes_over_each_channel(
    *,
    channels: int,
    eps: float,
    arguments: dict[str, bool],
    symbolic: bool,
    dtype: Any,
    opset: int,
) -> None:
    names = LAYOUTS["image"]
    x = draw(names, channels, 2, dtype)
    layer = InstanceNorm(eps=eps, **arguments)
    ran = run(layer, x, names, symbolic=symbolic, opset=opset)
    assert_close(ran, affine(standardized(x, (2, 3), eps), ran, names))
    assert bool(ran.weights) == arguments.get("affine", False)


@settings(deadline=None, max_examples=50)
@given(
    names=st.sampled_from([LAYOUTS["image"], LAYOUTS["vector"]]),
    groups=st.integers(1, 3),
    share=st.integers(2, 3),
    eps=epsilons,
    learns=st.booleans(),
    symbolic=st.booleans(),
    dtype=dtypes,
    opset=OPSETS,
)
def test_group_norm_goes_over_each_group_of_channels(
    *,
    names: Sequence[str],
    groups: int,
    share: int,
    eps: float,
    learns: bool,
    symbolic: bool,
    dtype: Any,
    opset: int,
) -> None:
    x = draw(names, groups * share, 3, dtype)
    layer = GroupNorm(groups=groups, eps=eps, affine=learns)
    ran = run(layer, x, names, symbolic=symbolic, opset=opset)
    expected = standardized(x.reshape(3, groups, -1), (2,), eps).reshape(x.shape)
    assert_close(ran, affine(expected, ran, names))


@settings(deadline=None, max_examples=30)
@given(
    channels=st.integers(1, 7),
    half=st.integers(0, 3),
    alpha=st.sampled_from([1e-4, 0.5, 2]),
    beta=st.sampled_from([0.75, 1]),
    k=st.sampled_from([1.0, 2]),
    symbolic=st.booleans(),
    opset=OPSETS,
)
def test_local_response_norm_divides_by_neighbouring_channels(
    *,
    channels: int,
    half: int,
    alpha: float,
    beta: float,
    k: float,
    symbolic: bool,
    opset: int,
) -> None:
    size, names = 2 * half + 1, LAYOUTS["image"]
    x = draw(names, channels, 4)
    layer = LocalResponseNorm(size=size, alpha=alpha, beta=beta, k=k)
    ran = run(layer, x, names, symbolic=symbolic, opset=opset)
    expected = np.zeros(x.shape)
    for c in range(channels):
        around = x[:, max(c - half, 0) : c + half + 1].astype(np.float64)
        expected[:, c] = x[:, c] / (k + alpha / size * (around**2).sum(1)) ** beta
    assert_close(ran, expected)


@settings(deadline=None, max_examples=30)
@given(names=layouts, channels=st.integers(1, 4), symbolic=st.booleans(), dtype=dtypes)
def test_scale_is_a_factor_a_channel(
    names: Sequence[str], channels: int, symbolic: bool, dtype: Any
) -> None:
    x = draw(names, channels, 5, dtype)
    ran = run(Scale(init=1e-6), x, names, symbolic=symbolic)
    assert_close(ran, x * along(ran.weights["weight"], names))


def test_scale_starts_from_its_init() -> None:
    x = TensorType.image(DType.FLOAT32, 8, 4, 4)
    for layer, init in ((Scale(), 1.0), (Scale(init=0), 0.0), (Scale(init="ones"), "ones")):
        (weight,) = layer.weights((x,))
        assert (weight.name, weight.shape, weight.init) == ("weight", (8,), init)


numbers = st.floats(-4, 4, width=32) | st.integers(-4, 4)


@settings(deadline=None, max_examples=40)
@given(
    names=layouts,
    by=numbers | st.lists(numbers, min_size=1, max_size=4).map(tuple),
    symbolic=st.booleans(),
    dtype=dtypes,
)
def test_fixed_factors_and_summands_go_along_the_channels(
    names: Sequence[str], by: Any, symbolic: bool, dtype: Any
) -> None:
    x = draw(names, len(by) if isinstance(by, tuple) else 2, 6, dtype)
    wide = along(np.asarray(by), names)
    assert_close(run(Multiply(by=by), x, names, symbolic=symbolic), x * wide)
    assert_close(run(Shift(by=by), x, names, symbolic=symbolic), x + wide)


def test_a_single_fixed_number_needs_no_channels() -> None:
    rows = TensorType(DType.FLOAT32, (Axis("height", 3),))
    for layer in (Multiply(by=2), Shift(by=2), Normalize(mean=1, std=2)):
        assert infer_layer(layer, rows)[0] == rows


positives = st.floats(0.25, 4, width=32) | st.integers(1, 4)


@settings(deadline=None, max_examples=50)
@given(
    names=layouts,
    arguments=st.integers(1, 4).flatmap(
        lambda count: st.fixed_dictionaries(
            {"channels": st.just(count)},
            optional={
                "mean": numbers | st.tuples(*[numbers] * count),
                "std": positives | st.tuples(*[positives] * count),
                "scale": numbers | st.tuples(*[numbers] * count),
            },
        )
    ),
    dtype=dtypes,
)
def test_normalize_gives_what_its_definition_gives(
    names: Sequence[str], arguments: dict[str, Any], dtype: Any
) -> None:
    channels = arguments.pop("channels")
    x = draw(names, channels, 7, dtype)
    ran = run(Normalize(**arguments), x, names)
    mean, std, scale = (
        along(np.asarray(arguments.get(name, default)), names)
        for name, default in (("mean", 0), ("std", 1), ("scale", 1))
    )
    expected = (x.astype(np.float64) * scale - mean) / std
    close = FLOAT32_CLOSE if dtype is np.float32 else 0.2
    np.testing.assert_allclose(ran.output, expected, rtol=close, atol=close)


def test_normalize_writes_only_what_changes_something() -> None:
    x = draw(LAYOUTS["image"], 3)
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"mean": (1, 2, 3), "std": 2, "scale": 255}, ["Mul", "Add"]),
        ({"std": (1, 2, 3)}, ["Mul"]),
        ({"mean": 5, "std": (1, 1, 1)}, ["Add"]),
        ({"mean": (0, 0, 0), "std": 2, "scale": 2}, ["Identity"]),
    ]
    for arguments, ops in cases:
        assert run(Normalize(**arguments), x, LAYOUTS["image"]).ops == ops


IMAGE = TensorType.image(DType.FLOAT32, 6, 8, 8)
LAST = IMAGE.with_axes([IMAGE.axes[i] for i in (1, 2, 0)])
ROWS = TensorType(DType.FLOAT32, (Axis("height", 3),))
SYMBOLIC = TensorType.vector(DType.FLOAT32, symbol("H"))
POSITIONS = TensorType.image(DType.INT64, 1, 4, 4)


@pytest.mark.parametrize(
    ("layer", "x", "rule", "at"),
    [
        (BatchNorm(affine=False, scale=True), IMAGE, "batch_norm/affine", "scale"),
        (BatchNorm(affine=False, center=True), IMAGE, "batch_norm/affine", "center"),
        (BatchNorm(), ROWS, "layer/needs-channels", None),
        (BatchNorm(), SYMBOLIC, "layer/channels-unknown", None),
        (BatchNorm(), POSITIONS, "layer/needs-float", None),
        (LayerNorm(), ROWS, "layer/needs-channels", None),
        (LayerNorm(), SYMBOLIC, "layer/channels-unknown", None),
        (LayerNorm(), POSITIONS, "layer/needs-float", None),
        (InstanceNorm(), LAST, "layer/needs-image", None),
        (InstanceNorm(), POSITIONS, "layer/needs-float", None),
        (GroupNorm(groups=4), IMAGE, "group_norm/groups", "groups"),
        (GroupNorm(groups=12), IMAGE, "group_norm/groups", "groups"),
        (GroupNorm(groups=2), LAST, "layer/needs-image", None),
        (GroupNorm(groups=2), ROWS, "layer/needs-channels", None),
        (GroupNorm(groups=1), POSITIONS, "layer/needs-float", None),
        (LocalResponseNorm(size=4), IMAGE, "local_response_norm/even-size", "size"),
        (LocalResponseNorm(size=5), LAST, "layer/needs-image", None),
        (LocalResponseNorm(size=5), POSITIONS, "layer/needs-float", None),
        (Scale(), ROWS, "layer/needs-channels", None),
        (Scale(), SYMBOLIC, "layer/channels-unknown", None),
        (Scale(), POSITIONS, "layer/needs-float", None),
        (Multiply(by=(1, 2)), IMAGE, "layer/numbers-a-channel", "by"),
        (Multiply(by=(1, 2, 3)), ROWS, "layer/needs-channels", None),
        (Shift(by=(1, 2)), IMAGE, "layer/numbers-a-channel", "by"),
        (Shift(by=1), POSITIONS, "layer/needs-float", None),
        (Normalize(std=(1, 2)), IMAGE, "layer/numbers-a-channel", "std"),
        (Normalize(mean=(1, 2)), SYMBOLIC, "layer/channels-unknown", None),
    ],
)
def test_mistakes_in_normalizations_are_reported(
    layer: Layer, x: TensorType, rule: str, at: str | None
) -> None:
    _, check = infer_layer(layer, x)
    assert [(error.rule, error.at) for error in check.errors] == [(rule, at)]


def test_each_list_of_the_wrong_length_is_reported() -> None:
    _, check = infer_layer(Normalize(mean=(1, 2), std=(1, 2, 3), scale=(1,) * 6), IMAGE)
    assert [error.at for error in check.errors] == ["mean", "std"]
    assert "2 numbers, but the input has 6 channels" in check.errors[0].message
