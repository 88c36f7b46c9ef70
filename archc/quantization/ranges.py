"""Ranges of values as scales and zero points of uint8, by several ways to choose them.

x ≈ (q − zero_point) · scale for q from 0 to 255; 0 is always exact, since padding is of zeros.
Sources: ONNX `QuantizeLinear` (opset 13); Nagel et al., A White Paper on Neural Network
Quantization, 2021, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]

Function: TypeAlias = Callable[[Numbers], Numbers]

BINS = 2048
"""Bins of a histogram."""

LAST_LEVEL = 255
"""The largest level of uint8; the first is 0."""

_KEPT_SHARE = 0.9999
_CUTS = 40
_LEAST_SHARE = 0.1


class Scale(NamedTuple):
    """The scale of a value and the number that 0 becomes."""

    scale: float
    zero_point: int

    def rounded(self, numbers: Numbers) -> Numbers:
        """The numbers as they are after rounding."""
        levels = np.clip(np.rint(numbers / self.scale) + self.zero_point, 0, LAST_LEVEL)
        restored: Numbers = (levels - self.zero_point) * self.scale
        return restored


@dataclass
class Seen:
    """What was seen of a value: how far it goes, and how often which numbers came.

    Attributes:
        least: the smallest number, at most 0; NaN where one was.
        most: the largest number, at least 0; NaN where one was.
        counts: the numbers in each of the bins between them; empty before they are counted.
        channel_sums: the sums over each channel, of a value that a kernel takes.
        channel_count: the numbers that are in each of these sums.
        through: the function of each number that alone takes the value, if there is one.
    """

    least: float = 0.0
    most: float = 0.0
    counts: Numbers | None = None
    channel_sums: Numbers | None = None
    channel_count: int = 0
    through: Function | None = None

    def widen(self, numbers: NDArray[np.generic]) -> None:
        """Takes in how far some numbers go, and their sums by channel."""
        self.least = float(np.minimum(self.least, numbers.min()))
        self.most = float(np.maximum(self.most, numbers.max()))
        if numbers.ndim < 2 or not self.is_finite:
            return
        axes = tuple(axis for axis in range(numbers.ndim) if axis != 1)
        sums = numbers.sum(axis=axes, dtype=np.float64)
        self.channel_sums = sums if self.channel_sums is None else self.channel_sums + sums
        self.channel_count += numbers.size // numbers.shape[1]

    def count(self, numbers: NDArray[np.generic]) -> None:
        """Counts some numbers, once it is known how far all of them go."""
        if self.most > self.least:
            counts, _ = np.histogram(numbers, BINS, (self.least, self.most))
            self.counts = counts + (0.0 if self.counts is None else self.counts)

    @property
    def is_finite(self) -> bool:
        """Whether no number was infinite or NaN."""
        return math.isfinite(self.least) and math.isfinite(self.most)

    @property
    def channel_means(self) -> Numbers | None:
        """The mean of each channel."""
        if self.channel_sums is None:
            return None
        means: Numbers = self.channel_sums / max(self.channel_count, 1)
        return means


Choose: TypeAlias = Callable[[Seen], tuple[float, float]]


def scale_of(seen: Seen, method: str) -> Scale:
    """The scale for what was seen, by a method of `METHODS`."""
    least, most = METHODS[method](seen)
    return between(least, most)


def between(least: float, most: float) -> Scale:
    """The scale whose 256 numbers go from `least`, or 0, to `most`, or 0."""
    least, most = min(least, 0.0), max(most, 0.0)
    scale = float(np.float32((most - least) / LAST_LEVEL))
    if scale <= np.finfo(np.float32).tiny:
        return Scale(1.0, 0)
    return Scale(scale, int(np.clip(round(-least / scale), 0, LAST_LEVEL)))


def _all(seen: Seen) -> tuple[float, float]:
    return seen.least, seen.most


def _most_of_them(seen: Seen) -> tuple[float, float]:
    """The range without the rarest numbers at either end, one in ten thousand in all."""
    if seen.counts is None:
        return seen.least, seen.most
    shares = np.cumsum(seen.counts) / seen.counts.sum()
    edges = np.linspace(seen.least, seen.most, BINS + 1)
    spare = (1 - _KEPT_SHARE) / 2
    low = 0 if seen.least >= 0 else int(np.searchsorted(shares, spare))
    high = BINS - 1 if seen.most <= 0 else int(np.searchsorted(shares, 1 - spare))
    return float(edges[low]), float(edges[min(high + 1, BINS)])


def _least_error(seen: Seen) -> tuple[float, float]:
    """The range that makes the mean squared error of rounding and cutting off the smallest.

    What is measured is the error behind the function that takes the value, where that is known: a
    number that it maps to 0 need not be told from its neighbours. One end is moved, then the other.
    """
    counts = seen.counts
    if counts is None:
        return seen.least, seen.most
    edges = np.linspace(seen.least, seen.most, BINS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    through = seen.through or _unchanged
    wanted = through(centres)

    def error(ends: tuple[float, float]) -> float:
        return float((through(between(*ends).rounded(centres)) - wanted) ** 2 @ counts)

    shares = np.linspace(1.0, _LEAST_SHARE, _CUTS)
    _, most = min(((seen.least, seen.most * share) for share in shares), key=error)
    return min(((seen.least * share, most) for share in shares), key=error)


def _unchanged(numbers: Numbers) -> Numbers:
    return numbers


METHODS: Mapping[str, Choose] = {
    "minmax": _all,
    "percentile": _most_of_them,
    "mse": _least_error,
}
"""The ways to choose a range: all that was seen, most of it, or what makes the least error."""
