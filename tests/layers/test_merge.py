"""Merges: values against numpy, gates, symbolic sizes, and messages with both branches."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.graph.layer import Layer
from archc.layers.axes import AxisArgument
from archc.layers.merge import Add, Average, Concat, Maximum, Mul, Sub
from archc.shapes.domain import Domain
from archc.shapes.size import add, floor_div, scale, symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

Floats = npt.NDArray[np.float32]

H, W = symbol("H"), symbol("W")
SIZES = st.tuples(*[st.integers(1, 4)] * 4)

CASES: list[tuple[Layer, Callable[[list[Floats]], Floats]]] = [
    (Add(), lambda xs: reduce(np.add, xs)),
    (Sub(), lambda xs: reduce(np.subtract, xs)),
    (Mul(), lambda xs: reduce(np.multiply, xs)),
    (Average(), lambda xs: cast(Floats, np.mean(xs, axis=0))),
    (Maximum(), lambda xs: reduce(np.maximum, xs)),
]
LAYERS = [layer for layer, _ in CASES]


def arrays(count: int, sizes: tuple[int, ...]) -> list[Floats]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=sizes).astype(np.float32) for _ in range(count)]


def image(channels: int, height: int = 4, width: int = 4) -> TensorType:
    return TensorType.image(DType.FLOAT32, channels, height, width)


@pytest.mark.parametrize(("layer", "formula"), CASES)
@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 4), sizes=SIZES, symbolic=st.booleans())
def test_values_are_those_of_the_formula(
    *,
    layer: Layer,
    formula: Callable[[list[Floats]], Floats],
    count: int,
    sizes: tuple[int, ...],
    symbolic: bool,
) -> None:
    xs = arrays(count, sizes)
    ran = run_layer(layer, *xs, symbolic=symbolic)
    assert np.allclose(ran.output, formula(xs), rtol=1e-6, atol=1e-6)
    assert ran.type == type_of(xs[0], symbolic=symbolic)


@settings(max_examples=40, deadline=None)
@given(
    sizes=SIZES,
    masks=st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=3),
)
def test_a_gate_may_have_sizes_of_one(sizes: tuple[int, ...], masks: list[list[bool]]) -> None:
    rng = np.random.default_rng(0)
    shapes = [
        (sizes[0], *(1 if is_one else n for is_one, n in zip(mask, sizes[1:], strict=True)))
        for mask in masks
    ]
    xs = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    expected = reduce(np.multiply, xs)
    ran = run_layer(Mul(), *xs)
    assert ran.type.sizes == expected.shape[1:]
    assert np.allclose(ran.output, expected, rtol=1e-6)


def test_a_gate_takes_symbolic_sizes() -> None:
    x, gate = arrays(1, (2, 3, 4, 5))[0], arrays(1, (2, 3, 1, 1))[0]
    types = [type_of(x, symbolic=True), type_of(gate)]
    for layer_types, inputs in ((types, [x, gate]), (types[::-1], [gate, x])):
        ran = run_layer(Mul(), *inputs, types=layer_types)
        assert np.array_equal(ran.output, x * gate)
        assert ran.type.sizes == (3, H, W)


@settings(max_examples=40, deadline=None)
@given(
    sizes=SIZES,
    axis=st.sampled_from(["channels", "height", "width", 1, 2, 3]),
    others=st.lists(st.integers(1, 4), max_size=3),
)
def test_concat_adds_the_sizes_along_its_axis(
    sizes: tuple[int, ...], axis: AxisArgument, others: list[int]
) -> None:
    at = axis if isinstance(axis, int) else ("channels", "height", "width").index(axis) + 1
    rng = np.random.default_rng(0)
    xs = [
        rng.normal(size=(*sizes[:at], n, *sizes[at + 1 :])).astype(np.float32)
        for n in (sizes[at], *others)
    ]
    ran = run_layer(Concat(axis=axis), *xs)
    assert np.array_equal(ran.output, np.concatenate(xs, at))


def test_concat_of_symbolic_sizes_is_their_sum() -> None:
    xs = arrays(2, (1, 2, 3, 4))
    ran = run_layer(Concat(axis="height"), *xs, symbolic=True)
    assert ran.type.sizes == (2, scale(H, 2), W)
    a = TensorType.image(DType.FLOAT32, 3, H, W)
    b = TensorType.image(DType.FLOAT32, 3, floor_div(add(H, 1), 2), W)
    found, _ = infer_layer(Concat(axis="height"), a, b)
    assert isinstance(found, TensorType)
    assert found.sizes[1] == add(H, floor_div(add(H, 1), 2))


def test_concat_takes_any_element_type() -> None:
    xs = [np.array([[1, 2]]), np.array([[3]])]
    assert run_layer(Concat(), *xs).output.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("layer", [*LAYERS, Concat()])
def test_one_branch_is_that_branch(layer: Layer) -> None:
    x = arrays(1, (1, 2, 3, 3))[0]
    ran = run_layer(layer, x)
    assert np.array_equal(ran.output, x)
    assert ran.ops in ([], ["Identity"])


@pytest.mark.parametrize(
    ("layer", "types", "branch", "message"),
    [
        (
            Add(),
            [image(128), image(64)],
            1,
            "`add` joins branches of different channels: 128 and 64",
        ),
        (
            Maximum(),
            [image(8), image(8), image(8, 5)],
            2,
            "`maximum` joins branches of different heights: 4 and 5",
        ),
        (
            Mul(),
            [image(1), image(8), image(4)],
            2,
            "`mul` joins branches of different channels: 8 and 4",
        ),
        (Add(), [image(8), image(1)], 1, "`add` joins branches of different channels: 8 and 1"),
        (
            Concat(),
            [image(8), image(16, 4, 7)],
            1,
            "`concat` joins branches of different widths: 4 and 7",
        ),
        (
            Add(),
            [TensorType.vector(DType.FLOAT32, 10), TensorType.vector(DType.FLOAT32, 9)],
            1,
            "`add` joins branches of different features: 10 and 9",
        ),
        (
            Average(),
            [TensorType.image(DType.FLOAT32, 3, H, W), TensorType.image(DType.FLOAT32, 3, H, H)],
            1,
            "`average` joins branches of different widths: W and H",
        ),
    ],
)
def test_unequal_sizes_are_reported(
    layer: Layer, types: list[TensorType], branch: int, message: str
) -> None:
    _, check = infer_layer(layer, *types)
    assert [(e.rule, e.message, e.branch) for e in check.errors] == [
        ("merge/sizes", message, branch)
    ]


def test_every_branch_that_does_not_fit_is_reported_once() -> None:
    _, check = infer_layer(Add(), image(8), image(4, 5), image(8), image(2))
    assert [e.branch for e in check.errors] == [1, 3]


def test_sizes_that_meet_on_the_admitted_inputs_are_equal() -> None:
    skip = TensorType.image(DType.FLOAT32, 3, H, W)
    up = TensorType.image(DType.FLOAT32, 3, scale(floor_div(H, 2), 2), W)
    assert infer_layer(Add(), skip, up)[1].rules == ["merge/sizes"]
    found, check = infer_layer(Add(), skip, up, domains={"H": Domain(multiple_of=2)})
    assert (found, check.errors) == (skip, [])


@pytest.mark.parametrize("layer", [*LAYERS, Concat()])
def test_other_kinds_of_tensors_are_reported(layer: Layer) -> None:
    _, check = infer_layer(layer, image(4), TensorType.vector(DType.FLOAT32, 4))
    assert [(e.rule, e.message, e.branch) for e in check.errors] == [
        ("merge/ranks", f"`{layer.op}` joins branches of different numbers of axes: 4 and 2", 1)
    ]
    _, check = infer_layer(layer, image(4), TensorType.image(DType.FLOAT16, 4, 4, 4))
    assert [(e.rule, e.branch) for e in check.errors] == [("merge/element-types", 1)]


@pytest.mark.parametrize("layer", LAYERS)
def test_positions_are_no_floats(layer: Layer) -> None:
    x = TensorType.vector(DType.INT64, 3)
    _, check = infer_layer(layer, x, x)
    assert [(e.rule, e.branch) for e in check.errors] == [("layer/needs-float", 0)]


def test_concat_along_no_axis_is_reported() -> None:
    _, check = infer_layer(Concat(axis="height"), *[TensorType.vector(DType.FLOAT32, 3)] * 2)
    assert check.rules == ["layer/unknown-axis"]


def test_merges_take_branches() -> None:
    assert all(type(layer).takes_branches for layer in [*LAYERS, Concat()])
