"""Statistics and comparisons agree with numpy, whatever the chunks that a source gives."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from archc.weights.compare import Changed, Comparison, Reshaped, compare
from archc.weights.tensor_statistics import measure

KINDS = ("float32", "float16", "float64", "int64", "uint8", "bool")

ROUNDING = 1e-9
"""Sums of float64, in another order than numpy's."""


@dataclass(frozen=True)
class Pieces:
    """An array that comes in chunks of some bytes, which may divide elements."""

    array: npt.NDArray[np.generic]
    chunk_bytes: int = 5

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> str:
        return self.array.dtype.name

    def chunks(self, dtype: str) -> Iterator[bytes]:
        assert dtype == self.dtype
        data = self.array.tobytes()
        for at in range(0, len(data), self.chunk_bytes):
            yield data[at : at + self.chunk_bytes]


def drawn(kind: str) -> st.SearchStrategy[npt.NDArray[np.generic]]:
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    elements = (
        arrays.from_dtype(np.dtype(kind), min_value=-1e4, max_value=1e4)
        if "float" in kind
        else arrays.from_dtype(np.dtype(kind))
    )
    return arrays.arrays(np.dtype(kind), shapes, elements=elements)


ARRAYS = st.sampled_from(KINDS).flatmap(drawn)
CHUNKS = st.integers(1, 40)


@given(ARRAYS, CHUNKS)
def test_statistics_are_those_of_numpy(array: npt.NDArray[np.generic], chunk: int) -> None:
    found = measure(Pieces(array, chunk), has_digest=True)
    assert found.digest == hashlib.sha256(array.tobytes()).hexdigest()
    assert found.count == array.size
    assert found.zeros == array.size - np.count_nonzero(array)
    assert found.nans == found.infinities == 0
    if array.size == 0:
        assert (found.least, found.most, found.mean, found.deviation) == (None,) * 4
        return
    exact = array.astype(np.float64)
    assert (found.least, found.most) == (array.min().item(), array.max().item())
    scale = max(float(np.abs(exact).max()), 1e-300)
    assert found.mean == pytest.approx(float(exact.mean()), abs=ROUNDING * scale)
    assert found.deviation == pytest.approx(float(exact.std()), abs=ROUNDING * scale)
    assert found.is_constant == (array.size > 1 and bool((array == array.flat[0]).all()))


def test_a_small_deviation_around_a_large_mean_is_kept() -> None:
    array = 1e8 + np.array([0.0, 1.0] * 500)
    assert measure(Pieces(array, 64)).deviation == pytest.approx(0.5, rel=1e-6)


def test_what_is_no_finite_number_is_counted_and_left_out() -> None:
    array = np.array([np.nan, np.inf, 2.0, -np.inf, -np.nan, 0.0], np.float32)
    found = measure(Pieces(array))
    assert (found.count, found.nans, found.infinities, found.zeros) == (6, 2, 2, 1)
    assert (found.least, found.most, found.mean, found.deviation) == (0.0, 2.0, 1.0, 1.0)
    assert not found.is_constant


def test_nothing_but_odd_elements_has_no_range() -> None:
    found = measure(Pieces(np.full(3, np.nan, np.float16)))
    assert (found.least, found.mean, found.nans) == (None, None, 3)
    assert not found.is_constant


def test_the_largest_numbers_do_not_stop_it() -> None:
    found = measure(Pieces(np.array([1.7e308, -1.7e308, 1.7e308]), 8))
    assert found.most == 1.7e308


def against(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> Comparison:
    return compare({"w": Pieces(first, 3)}, {"w": Pieces(second, 7)})


@given(ARRAYS, CHUNKS, CHUNKS)
def test_an_array_is_the_same_as_itself(
    array: npt.NDArray[np.generic], chunk: int, other: int
) -> None:
    found = compare({"w": Pieces(array, chunk)}, {"w": Pieces(array.copy(), other)})
    assert found.is_same
    assert found.same == 1


@given(st.data(), st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_differences_are_those_of_numpy(data: st.DataObject, kind: str, other: str) -> None:
    first = data.draw(drawn(kind))
    second = data.draw(
        arrays.arrays(
            np.dtype(other), first.shape,
            elements=arrays.from_dtype(np.dtype(other), allow_nan=False, allow_infinity=False),
        )
    )  # fmt: skip
    found = against(first, second)
    if np.array_equal(first, second) and kind == other:
        assert found.is_same
        return
    (change,) = found.changed
    assert change.types == (kind, other)
    assert change.differing == np.count_nonzero(first != second)
    with np.errstate(over="ignore"):
        apart = np.abs(first.astype(np.float64) - second.astype(np.float64))
    assert change.largest == (float(apart.max()) if change.differing else 0.0)


def test_a_nan_equals_a_nan_and_no_number() -> None:
    first = np.array([np.nan, np.nan, np.inf, np.inf], np.float32)
    second = np.array([np.nan, 1.0, np.inf, 2.0], np.float32)
    (change,) = against(first, second).changed
    assert (change.differing, change.largest) == (2, math.inf)
    assert against(first, first.copy()).is_same


def test_a_tolerance_allows_small_differences_and_other_types() -> None:
    first = {"w": Pieces(np.array([1.0, 2.0], np.float32)), "v": Pieces(np.ones(2, np.float32))}
    second = {"w": Pieces(np.array([1.0, 2.5], np.float16)), "v": Pieces(np.ones(2, np.float16))}
    assert len(compare(first, second).changed) == 2
    close = compare(first, second, tolerance=0.5)
    assert close.is_same
    assert close.within == (Changed("w", ("float32", "float16"), 2, 1, 0.5),)
    assert close.same == 1
    assert not compare(first, second, tolerance=0.4).is_same


def test_names_on_one_side_and_other_sizes_are_told() -> None:
    first = {"gone": Pieces(np.zeros(3)), "w": Pieces(np.ones((2, 3))), "both": Pieces(np.ones(1))}
    second = {"w": Pieces(np.ones((3, 2))), "both": Pieces(np.ones(1)), "new": Pieces(np.ones(3))}
    found = compare(first, second)
    assert (found.removed, found.added, found.renamed) == (("gone",), ("new",), ())
    assert found.reshaped == (Reshaped("w", (2, 3), (3, 2)),)
    assert found.same == 1
    assert not found.is_same


def test_the_same_contents_under_another_name_are_told_where_nothing_else_has_them() -> None:
    one, two = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    first = {"a": Pieces(one), "zero1": Pieces(np.zeros(4)), "zero2": Pieces(np.zeros(4))}
    second = {"b": Pieces(one), "zero3": Pieces(np.zeros(4)), "c": Pieces(two)}
    found = compare(first, second)
    assert found.renamed == (("a", "b"),)
    assert found.removed == ("zero1", "zero2")
    assert found.added == ("zero3", "c")
    assert not found.is_same
