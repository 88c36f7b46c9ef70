"""What the elements of a tensor are like: range, mean, deviation, and what no weight should hold.

Taken in one pass in float64. Means and squared deviations of stretches are joined as in Chan,
Golub and LeVeque, "Algorithms for computing the sample variance" (1983), eq. 2.1: a sum of squares
would lose what small deviations around a large mean are.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from archc.graph.weight import WeightSource
from archc.weights.conversion import Array
from archc.weights.stored_values import as_values, stored_bytes


@dataclass(frozen=True, slots=True)
class TensorStatistics:
    """Of the finite elements of a tensor, unless they are counted; None where there are none.

    Attributes:
        count: all elements.
        least: the smallest.
        most: the largest.
        mean: their mean.
        deviation: their standard deviation, with their number as the divisor.
        zeros: elements that are 0.
        nans: elements that are no number.
        infinities: elements that are infinite, of either sign.
        digest: SHA-256 over the stored elements in C order, little-endian, in hex digits.
    """

    count: int
    least: float | None
    most: float | None
    mean: float | None
    deviation: float | None
    zeros: int
    nans: int
    infinities: int
    digest: str | None

    @property
    def is_constant(self) -> bool:
        """Whether there are several elements, all of them one finite number."""
        is_finite = self.nans == self.infinities == 0
        return self.count > 1 and is_finite and self.least == self.most


def measure(source: WeightSource, *, has_digest: bool = False) -> TensorStatistics:
    """The statistics of a tensor, read once.

    Raises:
        TensorReadError: the file has become shorter since it was opened, or the disk fails.
    """
    digest = hashlib.sha256()
    elements = _Elements()
    for data in stored_bytes(source):
        if has_digest:
            digest.update(data)
        elements.add(as_values(data, source.dtype))
    return elements.statistics(digest.hexdigest() if has_digest else None)


@final
class _Elements:
    def __init__(self) -> None:
        self._count = self._finite = self._zeros = self._nans = self._infinities = 0
        self._mean = self._squares = 0.0
        self._least: float | None = None
        self._most: float | None = None

    def add(self, values: Array) -> None:
        if values.size == 0:
            return
        if values.dtype.kind == "b":
            values = values.astype(np.uint8)
        self._count += values.size
        self._zeros += values.size - int(np.count_nonzero(values))
        least, most = values.min().item(), values.max().item()
        # A NaN is the smallest and the largest to numpy, so that these two tell of all.
        if not (math.isfinite(least) and math.isfinite(most)):
            values = self._without_odd(values)
            if values.size == 0:
                return
            least, most = values.min().item(), values.max().item()
        self._least = least if self._least is None else min(self._least, least)
        self._most = most if self._most is None else max(self._most, most)
        self._join(values.astype(np.float64))

    def _without_odd(self, values: Array) -> Array:
        """The finite elements, once the others are counted."""
        finite = values[np.isfinite(values)]
        nans = int(np.count_nonzero(np.isnan(values)))
        self._nans += nans
        self._infinities += values.size - finite.size - nans
        return finite

    def _join(self, values: npt.NDArray[np.float64]) -> None:
        # float64 elements near the largest number overflow in their squares.
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean())
            values -= mean
            squares = float(np.square(values, out=values).sum())  # no BLAS, no threads
        joined = self._finite + values.size
        apart = mean - self._mean
        self._mean += apart * (values.size / joined)
        self._squares += squares + apart * apart * (self._finite * values.size / joined)
        self._finite = joined

    def statistics(self, digest: str | None) -> TensorStatistics:
        has_some = self._finite > 0
        return TensorStatistics(
            self._count,
            self._least,
            self._most,
            self._mean if has_some else None,
            math.sqrt(self._squares / self._finite) if has_some else None,
            self._zeros,
            self._nans,
            self._infinities,
            digest,
        )
