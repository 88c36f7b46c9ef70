from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.graph.layer import Layer, Reach
from archc.layers.adaptive_pooling import AdaptiveAvgPool, AdaptiveMaxPool
from archc.shapes.size import symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer
from tests.layers.windows_by_hand import both, images, ints, sizes

FLOAT32_CLOSE = 1e-5
"""Means of a few normal numbers in float32, and means of such means."""

POOLS: list[tuple[type[AdaptiveAvgPool | AdaptiveMaxPool], Any]] = [
    (AdaptiveAvgPool, np.mean),
    (AdaptiveMaxPool, np.max),
]


def by_definition(x: npt.NDArray[Any], size: tuple[int, int], reduce: Any) -> npt.NDArray[Any]:
    (h, w), (m_h, m_w) = x.shape[2:], size
    result = np.zeros((*x.shape[:2], m_h, m_w))
    for i in range(m_h):
        for j in range(m_w):
            rows = slice(math.floor(i * h / m_h), math.ceil((i + 1) * h / m_h))
            columns = slice(math.floor(j * w / m_w), math.ceil((j + 1) * w / m_w))
            result[:, :, i, j] = reduce(x[:, :, rows, columns], axis=(2, 3))
    return result


@pytest.mark.parametrize(("kind", "reduce"), POOLS)
@settings(deadline=None, max_examples=60)
@given(size=ints(1, 9), of=sizes(1, 12), opset=st.sampled_from([13, 17, 18, 21]))
def test_adaptive_pools_give_what_their_definition_gives(
    *,
    kind: type[AdaptiveAvgPool | AdaptiveMaxPool],
    reduce: Any,
    size: int | tuple[int, int],
    of: tuple[int, int],
    opset: int,
) -> None:
    x = images(1, 2, of)
    ran = run_layer(kind(size=size), x, opset=opset)
    expected = by_definition(x, both(size), reduce)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("size", [(1, 1), (1, 3), (1, 4)])
@pytest.mark.parametrize(("kind", "reduce"), POOLS)
def test_an_axis_pooled_to_one_may_be_symbolic(
    kind: type[AdaptiveAvgPool | AdaptiveMaxPool],
    reduce: Any,
    size: tuple[int, int],
    opset: int,
) -> None:
    x = images(2, 3, (5, 8))
    symbolic = TensorType.image(DType.FLOAT32, 3, symbol("H"), 8)
    ran = run_layer(kind(size=size), x, types=[symbolic], opset=opset)
    expected = by_definition(x, size, reduce)
    np.testing.assert_allclose(ran.output, expected, rtol=FLOAT32_CLOSE, atol=FLOAT32_CLOSE)


@pytest.mark.parametrize(("kind", "reduce"), POOLS)
def test_adaptive_pools_take_float16(
    kind: type[AdaptiveAvgPool | AdaptiveMaxPool], reduce: Any
) -> None:
    x = images(3, 2, (7, 10)).astype(np.float16)
    ran = run_layer(kind(size=3), x)
    expected = by_definition(x.astype(np.float32), (3, 3), reduce)
    np.testing.assert_allclose(ran.output, expected, atol=1e-2)


@pytest.mark.parametrize(
    ("layer", "of", "ops"),
    [
        (AdaptiveAvgPool(size=1), (7, 7), ["GlobalAveragePool"]),
        (AdaptiveMaxPool(size=1), (7, 7), ["GlobalMaxPool"]),
        (AdaptiveAvgPool(size=7), (14, 21), ["AveragePool"]),
        (AdaptiveMaxPool(size=(6, 1)), (7, 3), ["MaxPool"]),
        (AdaptiveAvgPool(size=7), (15, 8), ["AveragePool"]),
        (AdaptiveAvgPool(size=7), (9, 15), ["MatMul", "MatMul"]),
        (AdaptiveAvgPool(size=7), (7, 10), ["MatMul"]),
        (AdaptiveMaxPool(size=7), (7, 10), ["Gather", "ReduceMax"]),
        (AdaptiveAvgPool(size=6), (6, 6), ["Identity"]),
    ],
)
def test_adaptive_pools_are_plain_pools_where_they_can_be(
    layer: Layer, of: tuple[int, int], ops: list[str]
) -> None:
    assert run_layer(layer, images(4, 2, of)).ops == ops


@pytest.mark.parametrize("kind", [AdaptiveAvgPool, AdaptiveMaxPool])
def test_mistakes_in_adaptive_pools_are_reported(
    kind: type[AdaptiveAvgPool | AdaptiveMaxPool],
) -> None:
    symbolic = TensorType.image(DType.FLOAT32, 3, 8, symbol("W"))
    _, check = infer_layer(kind(size=7), symbolic)
    assert [(e.rule, e.at) for e in check.errors] == [("adaptive_pool/symbolic-size", "size")]
    assert "7 columns" in check.errors[0].message
    vector = TensorType.vector(DType.FLOAT32, 10)
    assert infer_layer(kind(size=1), vector)[1].rules == ["layer/needs-image"]
    positions = TensorType.image(DType.INT64, 1, 4, 4)
    assert infer_layer(kind(size=1), positions)[1].rules == ["layer/needs-float"]


@pytest.mark.parametrize("kind", [AdaptiveAvgPool, AdaptiveMaxPool])
def test_adaptive_pools_reach_as_far_as_their_windows(
    kind: type[AdaptiveAvgPool | AdaptiveMaxPool],
) -> None:
    fixed = TensorType.image(DType.FLOAT32, 3, 14, 10)
    symbolic = TensorType.image(DType.FLOAT32, 3, 14, symbol("W"))
    assert kind(size=7).reach((fixed,)) == Reach((2, 3), (2, 1))
    assert kind(size=(7, 1)).reach((symbolic,)) is None
