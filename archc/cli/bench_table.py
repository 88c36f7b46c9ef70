"""What `archc bench` has measured, as a table and as JSON.

The JSON document has `against` (a name, or null), `models` (each with `inputs` and `bytes`),
`latency` (a list with `model`, `threads`, `batch`, `rounds`, `wall_seconds`, `cpu_seconds`,
`wall_ratio`, `cpu_ratio`) and `start` (a list with `model`, `processes`' `start_seconds`,
`start_cpu_seconds`, `first_run_seconds`, `peak_bytes`, `added_bytes` and the ratios of start, first
run and peak). Every amount is its quartiles: `low`, `median` and `high`; a ratio is null for the
model that others are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from archc.analysis.readable import readable_bytes
from archc.cli.terminal import columns
from archc.diagnostics.cells import visible

if TYPE_CHECKING:
    from archc.measuring.fresh import Start
    from archc.measuring.latency import Latency
    from archc.measuring.quartiles import Quartiles

Measured: TypeAlias = (
    "tuple[str | None, Mapping[str, str], Mapping[str, int], "
    "Mapping[tuple[int, int], Mapping[str, Latency]], Mapping[str, Start]]"
)
"""What is compared with, the inputs and the bytes of each model, latencies by threads and batch,
and starts."""


def lines_of(measured: Measured) -> Iterator[str]:
    """The lines of the tables."""
    base, inputs, sizes, latencies, starts = measured
    yield from columns(
        [(visible(name), readable_bytes(sizes[name]), inputs[name]) for name in inputs], "<><"
    )
    if base is not None:
        yield f"ratios are those to {visible(base)}; in brackets the quartiles"
    for (threads, batch), found in latencies.items():
        rounds = next(iter(found.values())).rounds
        yield ""
        yield (f"latency, {_count(threads, 'thread')}, batch {batch}, {_count(rounds, 'round')}")
        head = ("", "CPU ms", "", "wall ms", "", *_when(base, "CPU ratio", "wall ratio"))
        yield from _table(head, [(n, *_latency(f, base)) for n, f in found.items()])
    if starts:
        yield ""
        yield "fresh processes"
        head = ("", "session ms", "", "first run ms", "", "peak", *_when(
            base, "session ratio", "first run ratio", "peak ratio"
        ))  # fmt: skip
        yield from _table(head, [(n, *_start(f, base)) for n, f in starts.items()])


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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_json(measured: Measured) -> dict[str, object]:
    """The document without its version."""
    base, inputs, sizes, latencies, starts = measured
    return {
        "against": base,
        "models": [
            {"model": name, "inputs": text, "bytes": sizes[name]} for name, text in inputs.items()
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
            for (threads, batch), found in latencies.items()
            for name, one in found.items()
        ],
        "start": [
            {
                "model": name,
                "start_seconds": _amount(one.start),
                "start_cpu_seconds": _amount(one.start_cpu),
                "first_run_seconds": _amount(one.first_run),
                "peak_bytes": _amount(one.peak_bytes),
                "added_bytes": _amount(one.added_bytes),
                "start_ratio": _amount(one.start_ratio),
                "first_run_ratio": _amount(one.first_ratio),
                "peak_ratio": _amount(one.memory_ratio),
            }
            for name, one in starts.items()
        ],
    }


def _amount(amount: Quartiles | None) -> dict[str, float] | None:
    return None if amount is None else amount._asdict()
