"""The middle of a number of measurements, and how far they spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Quartiles(NamedTuple):
    """A quarter of the values lies below `low`, half below `median`, a quarter above `high`.

    >>> Quartiles.of([1.0, 2.0, 3.0, 4.0, 5.0])
    Quartiles(low=2.0, median=3.0, high=4.0)
    """

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        """The quartiles of at least one value."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def times(self, factor: float) -> Quartiles:
        """The same in another unit."""
        return Quartiles(*(factor * value for value in self))
