"""A figure: what archc takes beside what another takes, their ratio, and how high it may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archc.measuring.quartiles import Quartiles
from benchmarks.paired import Pairs, Sample

HEAD = (
    "| measure | archc | against | ratio | quartiles | at most | further |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        name: what is measured, and against what.
        ours: what archc takes, with its unit.
        theirs: what the other takes.
        ratio: of the two, over paired runs.
        at_most: how high the median may be, None where nothing is asked for.
        further: other ratios of the same runs.
    """

    name: str
    ours: str
    theirs: str
    ratio: Quartiles
    at_most: float | None = None
    further: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is as low as it is asked to be."""
        return self.at_most is None or self.ratio.median <= self.at_most

    def row(self) -> str:
        """The line of the table."""
        low, median, high = self.ratio
        wanted = "" if self.at_most is None else f"{self.at_most:g}"
        if not self.is_reached:
            wanted = f"**{wanted}**"
        return (
            f"| {self.name} | {self.ours} | {self.theirs} | {median:.3g} | {low:.3g} – {high:.3g} "
            f"| {wanted} | {self.further} |"
        )


def exact(ratio: float) -> Quartiles:
    """The ratio of what is counted and not timed."""
    return Quartiles(ratio, ratio, ratio)


def of_processes(name: str, pairs: Pairs, at_most: float | None = None) -> Figure:
    """A figure of whole processes, by the time on the wall."""
    cpu, memory = pairs.ratios("cpu_seconds"), pairs.ratios("peak_mib")
    return Figure(
        name,
        _process(pairs.ours),
        _process(pairs.theirs),
        pairs.ratios("wall_seconds"),
        at_most,
        f"CPU {cpu.median:.3g}, memory {memory.median:.3g}",
    )


def _process(samples: Sequence[Sample]) -> str:
    wall = Quartiles.of([s.wall_seconds for s in samples]).median
    return f"{wall:.3f} s, {max(s.peak_mib for s in samples):.0f} MiB"


def quartiles_of(amount: Mapping[str, float]) -> Quartiles:
    """Quartiles out of the JSON of `archc bench`."""
    return Quartiles(amount["low"], amount["median"], amount["high"])


def of_latency(
    name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], at_most: float | None = None
) -> Figure:
    """A figure of latencies out of the JSON of `archc bench`, by the time of the processor."""
    wall = quartiles_of(ours["wall_ratio"])
    return Figure(
        name,
        f"{1000 * ours['cpu_seconds']['median']:.3g} ms",
        f"{1000 * theirs['cpu_seconds']['median']:.3g} ms",
        quartiles_of(ours["cpu_ratio"]),
        at_most,
        f"wall {wall.median:.3g}",
    )


def geometric_mean(ratios: Iterable[float]) -> float:
    """The geometric mean."""
    values = list(ratios)
    return math.exp(sum(map(math.log, values)) / len(values))
