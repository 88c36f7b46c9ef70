"""What `archc bench` has measured, as a table and as JSON.

The JSON document has `against` (a name, or null), `models` (each with `inputs` and `bytes`),
`latency` (a list with `model`, `threads`, `batch`, `rounds`, `wall_seconds`, `cpu_seconds`,
`wall_ratio`, `cpu_ratio`) and `start` (a list with `model`, `threads`, `batch`, the processes'
`start_seconds`, `start_cpu_seconds`, `first_run_seconds`, `peak_bytes`, `added_bytes` and the
ratios of start, first run and peak). Every amount is its quartiles: `low`, `median` and `high`; a
ratio is null for the model that others are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from archc.analysis.readable import readable_bytes
from archc.cli.terminal import columns
from archc.diagnostics.cells import visible

if TYPE_CHECKING:
    from archc.measuring.fresh import Start
    from archc.measuring.latency import Latency
    from archc.measuring.quartiles import Quartiles


class Measured(NamedTuple):
    """What was measured of some models, by their names.

    Attributes:
        against: the model that others are compared with, if there are others.
        inputs: what each takes, in words.
        sizes: the bytes of each, those of its weights in files beside it included.
        latencies: by threads and batch, for each model.
        started_at: the threads and the batch of the fresh processes.
        starts: what those of each model have cost; empty where there were none.
    """

    against: str | None
    inputs: Mapping[str, str]
    sizes: Mapping[str, int]
    latencies: Mapping[tuple[int, int], Mapping[str, Latency]]
    started_at: tuple[int, int]
    starts: Mapping[str, Start]


def lines_of(measured: Measured) -> Iterator[str]:
    """The lines of the tables."""
    base = measured.against
    yield from columns(
        [
            (visible(name), readable_bytes(measured.sizes[name]), text)
            for name, text in measured.inputs.items()
        ],
        "<><",
    )
    if base is not None:
        yield f"ratios are those to {visible(base)}; in brackets the quartiles"
    for at, found in measured.latencies.items():
        rounds = next(iter(found.values())).rounds
        yield ""
        yield f"latency, {_at(at)}, {_count(rounds, 'round')}"
        head = ("", "CPU ms", "", "wall ms", "", *_when(base, "CPU ratio", "wall ratio"))
        yield from _table(head, [(n, *_latency(f, base)) for n, f in found.items()])
    if measured.starts:
        yield ""
        yield f"fresh processes, {_at(measured.started_at)}"
        head = ("", "session ms", "", "first run ms", "", "peak", *_when(
            base, "session ratio", "first run ratio", "peak ratio"
        ))  # fmt: skip
        yield from _table(head, [(n, *_start(f, base)) for n, f in measured.starts.items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    shown = [head, *((visible(row[0]), *row[1:]) for row in rows)]
    sides = "<" + "".join("<" if not text else ">" for text in head[1:])
    return columns(shown, sides)


def _latency(found: Latency, base: str | None) -> tuple[str, ...]:
    cells = (*_milliseconds(found.cpu), *_milliseconds(found.wall))
    return (*cells, *_when(base, *_ratio(found.cpu_ratio), *_ratio(found.wall_ratio)))


def _start(found: Start, base: str | None) -> tuple[str, ...]:
    cells = (
        *_milliseconds(found.start),
        *_milliseconds(found.first_run),
        readable_bytes(round(found.peak_bytes.median)),
    )
    ratios = (found.start_ratio, found.first_ratio, found.memory_ratio)
    return (*cells, *_when(base, *(cell for r in ratios for cell in _ratio(r))))


def _milliseconds(amount: Quartiles) -> tuple[str, str]:
    shown = amount.times(1000)
    return f"{shown.median:.3g}", f"({shown.low:.3g} – {shown.high:.3g})"


def _ratio(amount: Quartiles | None) -> tuple[str]:
    if amount is None:
        return ("",)
    return (f"{amount.median:.3f} ({amount.low:.3f} – {amount.high:.3f})",)


def _when(base: str | None, *cells: str) -> tuple[str, ...]:
    """The cells, where there is something to compare with."""
    return () if base is None else cells


def _at(at: tuple[int, int]) -> str:
    threads, batch = at
    return f"{_count(threads, 'thread')}, batch {batch}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_json(measured: Measured) -> dict[str, object]:
    """The document without its version."""
    start_threads, start_batch = measured.started_at
    return {
        "against": measured.against,
        "models": [
            {"model": name, "inputs": text, "bytes": measured.sizes[name]}
            for name, text in measured.inputs.items()
        ],
        "latency": [
            {
                "model": name,
                "threads": threads,
                "batch": batch,
                "rounds": one.rounds,
                "wall_seconds": _amount(one.wall),
                "cpu_seconds": _amount(one.cpu),
                "wall_ratio": _amount(one.wall_ratio),
                "cpu_ratio": _amount(one.cpu_ratio),
            }
            for (threads, batch), found in measured.latencies.items()
            for name, one in found.items()
        ],
        "start": [
            {
                "model": name,
                "threads": start_threads,
                "batch": start_batch,
                "start_seconds": _amount(one.start),
                "start_cpu_seconds": _amount(one.start_cpu),
                "first_run_seconds": _amount(one.first_run),
                "peak_bytes": _amount(one.peak_bytes),
                "added_bytes": _amount(one.added_bytes),
                "start_ratio": _amount(one.start_ratio),
                "first_run_ratio": _amount(one.first_ratio),
                "peak_ratio": _amount(one.memory_ratio),
            }
            for name, one in measured.starts.items()
        ],
    }


def _amount(amount: Quartiles | None) -> dict[str, float] | None:
    return None if amount is None else amount._asdict()
