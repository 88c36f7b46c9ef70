"""`archc weights inspect`: what a file of weights holds, and what is odd in it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archc.cli.options import TableOrJson
from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors, print_json
from archc.cli.terminal import columns, put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.graph.weight import WeightSource
    from archc.weights.checkpoint import Checkpoint
    from archc.weights.tensor_statistics import TensorStatistics

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def inspect(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A checkpoint in any form, or an ONNX model.", show_default=False
        ),
    ],
    digests: Annotated[
        bool, typer.Option("--digests", help="Give the SHA-256 of each tensor's elements.")
    ] = False,
    names_only: Annotated[
        bool,
        typer.Option("--names-only", help="Names, types and sizes alone, without reading tensors."),
    ] = False,
    form: TableOrJson = "table",
) -> None:
    """Show the tensors of a file: names, types, sizes, statistics; NaNs, infinities, constants."""
    from archc.weights.readers import open_checkpoint

    reporter = Reporter()
    opened = open_checkpoint(file, reporter)
    end_on_errors(reporter)
    if isinstance(opened, Failed):
        raise typer.Exit(SPEC_ERRORS)
    with opened:
        measured = _measured(opened, reporter, has_digest=digests, is_wanted=not names_only)
    end_on_errors(reporter)
    if form == "json":
        print_json(_as_json(opened, measured))
        return
    for note in opened.notes:
        say("note", note)
    for line in _table(opened, measured, has_digest=digests):
        put(line)
    for line in _findings(measured):
        say("warning", line)


def _measured(
    checkpoint: Checkpoint, reporter: Reporter, *, has_digest: bool, is_wanted: bool
) -> dict[str, TensorStatistics]:
    if not is_wanted and not has_digest:
        return {}
    from archc.weights.convert import report_unread
    from archc.weights.stored_values import TensorReadError
    from archc.weights.tensor_statistics import measure

    found = {}
    tensors = checkpoint.tensors
    with Progress("reading", readable=lambda count: f"{count} tensors") as progress:
        try:
            for name, source in tensors.items():
                found[name] = measure(source, has_digest=has_digest)
                progress(len(found), len(tensors))
        except TensorReadError as error:
            report_unread(error, checkpoint.path, reporter)
    return found


def _table(
    checkpoint: Checkpoint, measured: dict[str, TensorStatistics], *, has_digest: bool
) -> list[str]:
    from archc.analysis.readable import readable_bytes
    from archc.weights.elements import ELEMENT_TYPES

    head: tuple[str, ...] = ("name", "type", "sizes")
    if measured:
        head += ("min", "max", "mean", "std", "")
    if measured and has_digest:
        head += ("sha256",)
    rows = [head]
    elements, size_bytes = 0, 0
    for name, source in checkpoint.tensors.items():
        count = math.prod(source.shape)
        elements += count
        size_bytes += count * ELEMENT_TYPES[source.dtype].size_bytes
        rows.append(_row(name, source, measured.get(name), has_digest=has_digest))
    count = len(checkpoint.tensors)
    total = (
        f"{checkpoint.format}: {count} tensor{'s' * (count != 1)}, {elements:,} elements, "
        f"{readable_bytes(size_bytes)}"
    )
    return [*columns(rows, f"<<<>>>><{'<' * has_digest}"[: len(head)]), total]


def _row(
    name: str, source: WeightSource, found: TensorStatistics | None, *, has_digest: bool
) -> tuple[str, ...]:
    row: tuple[str, ...] = (visible(name), source.dtype, _sizes(source))
    if found is None:
        return row
    numbers = (found.least, found.most, found.mean, found.deviation)
    row += (*("-" if x is None else f"{x:.4g}" for x in numbers), _oddity(found))
    return (*row, found.digest or "") if has_digest else row


def _sizes(source: WeightSource) -> str:
    return " × ".join(map(str, source.shape)) or "one"


def _oddity(found: TensorStatistics) -> str:
    odd = []
    if found.nans:
        odd.append(f"{found.nans} NaN")
    if found.infinities:
        odd.append(f"{found.infinities} infinite")
    if found.is_constant:
        odd.append("constant")
    return ", ".join(odd)


def _findings(measured: dict[str, TensorStatistics]) -> list[str]:
    """What no trained network should have; constants are only a hint, and stand in the table."""
    lines = []
    for what, counts in (
        ("NaN", [s.nans for s in measured.values() if s.nans]),
        ("infinite", [s.infinities for s in measured.values() if s.infinities]),
    ):
        if counts:
            where = f"{len(counts)} tensor{'s' * (len(counts) != 1)}"
            lines.append(f"{sum(counts)} elements in {where} are {what}")
    return lines


def _as_json(checkpoint: Checkpoint, measured: dict[str, TensorStatistics]) -> dict[str, object]:
    return {
        "file": checkpoint.path,
        "format": checkpoint.format,
        "layout": checkpoint.layout,
        "notes": list(checkpoint.notes),
        "tensors": [
            {
                "name": name,
                "type": source.dtype,
                "sizes": list(source.shape),
                **_statistics_json(measured.get(name)),
            }
            for name, source in checkpoint.tensors.items()
        ],
    }


def _statistics_json(found: TensorStatistics | None) -> dict[str, Any]:
    if found is None:
        return {}
    document: dict[str, Any] = {
        "min": found.least,
        "max": found.most,
        "mean": _finite(found.mean),
        "std": _finite(found.deviation),
        "zeros": found.zeros,
        "nans": found.nans,
        "infinities": found.infinities,
        "is_constant": found.is_constant,
    }
    return document | ({"sha256": found.digest} if found.digest else {})


def _finite(number: float | None) -> float | None:
    """The number, or null in JSON, which has no infinity."""
    return number if number is None or math.isfinite(number) else None
