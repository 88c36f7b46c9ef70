"""Times whole commands in turn, A B A B …, and compares them pair by pair.

Wall time is taken around the process; peak memory and CPU time are the operating system's own
accounting of it. A ratio is the median over pairs, so that a drifting machine does little harm.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from archc.measuring.quartiles import Quartiles


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds on the wall, seconds of CPU, and the peak of resident memory in MiB."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of two commands, and the medians of their ratios pair by pair."""

    name: str
    ours: Sample
    theirs: Sample
    wall_ratio: float
    cpu_ratio: float
    memory_ratio: float


def run_once(command: Sequence[str]) -> Sample:
    """One run of a command.

    Raises:
        RuntimeError: the command failed.
    """
    start = time.perf_counter()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors.decode()[-2000:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Runs of two commands in turn: the first of the one belongs to the first of the other."""

    ours: tuple[Sample, ...]
    theirs: tuple[Sample, ...]

    def ratios(self, amount: str) -> Quartiles:
        """The quartiles of the ratios of an amount, pair by pair."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return Quartiles.of([getattr(a, amount) / getattr(b, amount) for a, b in pairs])


def run_pairs(ours: Sequence[str], theirs: Sequence[str], *, pairs: int, warmup: int = 1) -> Pairs:
    """Runs two commands in turn; which is first changes from pair to pair."""
    for _ in range(warmup):
        run_once(ours)
        run_once(theirs)
    first: list[Sample] = []
    second: list[Sample] = []
    for number in range(pairs):
        turn = ((ours, first), (theirs, second))
        for command, found in turn if number % 2 == 0 else turn[::-1]:
            found.append(run_once(command))
    return Pairs(tuple(first), tuple(second))


def compare(
    name: str, ours: Sequence[str], theirs: Sequence[str], *, pairs: int, warmup: int = 1
) -> Comparison:
    """Runs two commands in turn and compares them."""
    for _ in range(warmup):
        run_once(ours)
        run_once(theirs)
    runs = [(run_once(ours), run_once(theirs)) for _ in range(pairs)]
    return Comparison(
        name,
        _median([a for a, _ in runs]),
        _median([b for _, b in runs]),
        statistics.median(a.wall_seconds / b.wall_seconds for a, b in runs),
        statistics.median(a.cpu_seconds / b.cpu_seconds for a, b in runs),
        statistics.median(a.peak_mib / b.peak_mib for a, b in runs),
    )


def _median(samples: list[Sample]) -> Sample:
    return Sample(
        statistics.median(s.wall_seconds for s in samples),
        statistics.median(s.cpu_seconds for s in samples),
        statistics.median(s.peak_mib for s in samples),
    )


def table(comparisons: Sequence[Comparison]) -> str:
    """The comparisons as a table in Markdown."""
    rows = [
        "| measure | archc: wall s, MiB | against: wall s, MiB | wall | CPU | memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for c in comparisons:
        ours = f"{c.ours.wall_seconds:.3f}, {c.ours.peak_mib:.0f}"
        theirs = f"{c.theirs.wall_seconds:.3f}, {c.theirs.peak_mib:.0f}"
        ratios = f"{c.wall_ratio:.3g} | {c.cpu_ratio:.3g} | {c.memory_ratio:.3g}"
        rows.append(f"| {c.name} | {ours} | {theirs} | {ratios} |")
    return "\n".join(rows)
