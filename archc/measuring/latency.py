"""The latency of models by runs in turn, so that a machine that drifts does little harm.

In each round every model runs for a moment, the order turned round from one round to the next.
Ratios are taken within a round and their median over rounds. Time of the processor is the steadier
measure where other programs run: a thread that waits does not count.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archc.measuring.quartiles import Quartiles

Run = Callable[[], object]
"""What runs a model once."""

WARM_UP = 2
"""Runs before anything is timed: the first ones make room in memory."""

BLOCK_SECONDS = 0.03
"""How long a model runs at a stretch, at least: caches are its own by then."""

FEWEST_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one run takes, in seconds on the wall and of the processor.

    The ratios are those to the model that others are compared with; None for that one itself.
    """

    wall: Quartiles
    cpu: Quartiles
    wall_ratio: Quartiles | None
    cpu_ratio: Quartiles | None
    rounds: int


@dataclass(frozen=True, slots=True)
class _Block:
    wall: float
    cpu: float


def measure_latency(
    runs: Mapping[str, Run],
    against: str | None,
    *,
    rounds: int | None = None,
    seconds: float = 10.0,
) -> dict[str, Latency]:
    """The latency of each, by its name.

    Args:
        runs: what runs each once.
        against: the name of the one that others are compared with.
        rounds: how many rounds are run.
        seconds: how long they go on where no number is given; five rounds are run in any case.
    """
    counts = {name: _count(run) for name, run in runs.items()}
    order = list(runs)
    blocks: dict[str, list[_Block]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds
    done = 0
    while _goes_on(done, rounds, end):
        for name in order:
            blocks[name].append(_time(runs[name], counts[name]))
        order.reverse()
        done += 1
    base = None if against is None else blocks[against]
    return {
        name: _latency(found, None if name == against else base) for name, found in blocks.items()
    }


def _goes_on(done: int, rounds: int | None, end: float) -> bool:
    if rounds is not None:
        return done < rounds
    return done < FEWEST_ROUNDS or time.perf_counter() < end


def _count(run: Run) -> int:
    """How many runs make a block."""
    for _ in range(WARM_UP):
        run()
    return max(1, math.ceil(BLOCK_SECONDS / max(_time(run, 1).wall, 1e-7)))


def _time(run: Run, count: int) -> _Block:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        run()
    return _Block((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count)


def _latency(blocks: Sequence[_Block], base: Sequence[_Block] | None) -> Latency:
    return Latency(
        Quartiles.of([block.wall for block in blocks]),
        Quartiles.of([block.cpu for block in blocks]),
        None if base is None else _ratio([b.wall for b in blocks], [b.wall for b in base]),
        None if base is None else _ratio([b.cpu for b in blocks], [b.cpu for b in base]),
        len(blocks),
    )


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> Quartiles:
    pairs = zip(ours, theirs, strict=True)
    return Quartiles.of([a / max(b, 1e-9) for a, b in pairs])
