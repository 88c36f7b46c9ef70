"""Sources that are made of others: their elements against numpy, in blocks of any size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from typing_extensions import override

from archc.weights import conversion
from archc.weights.feature_order import Part
from archc.weights.rearranged import FirstOf, Rearranged, Reordered, Repeated, Summed

Array = NDArray[Any]


@dataclass(frozen=True)
class InPieces:
    """An array given some bytes at a time, an element in two pieces at times."""

    array: Array
    piece: int = 7

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> str:
        return self.array.dtype.name

    def chunks(self, dtype: str) -> Iterator[bytes]:
        data = self.array.astype(dtype).tobytes()
        return (data[at : at + self.piece] for at in range(0, len(data), self.piece))


def numbers(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def read(source: Any, dtype: str = "float32") -> Array:
    data = b"".join(bytes(chunk) for chunk in source.chunks(dtype))
    return np.frombuffer(data, dtype).reshape(source.shape)


@pytest.fixture(params=[1, 5, 64, 1 << 20], autouse=True)
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks smaller than a row, than an array, and larger than all."""
    monkeypatch.setattr(conversion, "_BLOCK", request.param)
    monkeypatch.setattr(conversion, "_COLUMNS", min(request.param, 256))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_axes_are_put_into_our_order(dtype: str) -> None:
    stored = numbers(3, 5, 4, 6)
    source = Rearranged(InPieces(stored), (3, 5, 4, 6), (3, 2, 0, 1), (6, 4, 3, 5))
    assert np.array_equal(read(source, dtype), stored.transpose(3, 2, 0, 1).astype(dtype))


def test_axes_side_by_side_are_joined() -> None:
    stored = numbers(3, 2, 4, 5)
    source = Rearranged(InPieces(stored), (3, 2, 4, 5), (2, 3, 0, 1), (20, 1, 3, 2))
    assert np.array_equal(read(source), stored.transpose(2, 3, 0, 1).reshape(20, 1, 3, 2))


@given(
    st.lists(st.tuples(*[st.integers(1, 4)] * 3, st.integers(0, 2)), min_size=1, max_size=3),
    st.integers(1, 5),
)
def test_features_are_put_into_our_order(parts: list[tuple[int, ...]], out: int) -> None:
    """Images flattened in Keras's order, times its kernel, are ours times ours."""
    orders = tuple(Part((a, b, c), channels) for a, b, c, channels in parts)
    images = [numbers(*part.sizes) for part in orders]
    ours = np.concatenate([image.reshape(-1) for image in images])
    keras = np.concatenate(
        [np.moveaxis(i, p.channels, -1).reshape(-1) for i, p in zip(images, orders, strict=True)]
    )
    kernel = np.arange(len(ours) * out, dtype=np.float32).reshape(len(ours), out)
    reordered = (Reordered(1, orders),)
    source = Rearranged(InPieces(kernel), kernel.shape, (1, 0), (out, len(ours)), reordered)
    np.testing.assert_allclose(read(source) @ ours, keras @ kernel, rtol=1e-4, atol=1e-2)
    row = Rearranged(InPieces(keras), keras.shape, (0,), keras.shape, (Reordered(0, orders),))
    assert np.array_equal(read(row), ours)


def test_both_axes_may_be_reordered() -> None:
    entering, given_ = (Part((2, 3), 0),), (Part((2, 2), 0),)
    stored = numbers(6, 4)
    reordered = (Reordered(1, entering), Reordered(0, given_))
    source = Rearranged(InPieces(stored), (6, 4), (1, 0), (4, 6), reordered)
    wanted = stored.reshape(3, 2, 2, 2).transpose(3, 2, 1, 0).reshape(4, 6)
    assert np.array_equal(read(source), wanted)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_the_first_of_an_axis(axis: int, size: int, dtype: str) -> None:
    stored = numbers(4, 5, 3)
    source = FirstOf(InPieces(stored), axis, size)
    assert np.array_equal(read(source, dtype), stored.take(range(size), axis).astype(dtype))


def test_what_comes_after_the_first_rows_is_not_read() -> None:
    taken: list[bytes] = []

    class Told(InPieces):
        @override
        def chunks(self, dtype: str) -> Iterator[bytes]:
            for chunk in super().chunks(dtype):
                taken.append(chunk)
                yield chunk

    read(FirstOf(Told(numbers(100, 3), piece=12), 0, 2))
    assert sum(len(chunk) for chunk in taken) == 24


def test_sums_are_those_of_float32_also_for_float16() -> None:
    stored = numbers(4, 3, 2, 2)
    for dtype in ("float32", "float16"):
        wanted = stored.sum(axis=1, keepdims=True).astype(dtype)
        np.testing.assert_allclose(read(Summed(InPieces(stored), 1), dtype), wanted, rtol=1e-3)


def test_repeated_kernels_sum_to_what_they_were() -> None:
    stored = numbers(4, 3, 2, 2)
    found = read(Repeated(InPieces(stored), 1, 6))
    np.testing.assert_allclose(found[:, :3], stored / 2)
    np.testing.assert_allclose(found.sum(axis=1), stored.sum(axis=1), rtol=1e-4, atol=1e-6)


def test_nothing_is_read_of_an_empty_array() -> None:
    source = Rearranged(InPieces(numbers(0, 3)), (0, 3), (1, 0), (3, 0))
    assert read(source).shape == (3, 0)
    assert math.prod(source.shape) == 0
