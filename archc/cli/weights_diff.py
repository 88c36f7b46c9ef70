"""`archc weights diff`: how the weights of two files differ."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archc.cli.options import TextOrJson, number
from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors, print_json
from archc.cli.terminal import put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.weights.checkpoint import Checkpoint
    from archc.weights.compare import Changed, Comparison

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def diff(
    first: Annotated[
        Path,
        typer.Argument(metavar="A", help="A checkpoint, or an ONNX model.", show_default=False),
    ],
    second: Annotated[
        Path, typer.Argument(metavar="B", help="Another one, of any form.", show_default=False)
    ],
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="X",
            help="The largest absolute difference allowed. With it, element types may differ.",
            show_default=False,
            parser=number(math.inf, "of at least 0"),
        ),
    ] = None,
    form: TextOrJson = "text",
) -> None:
    """Compare the weights of two files; the exit status is 1 where they differ."""
    from archc.weights.readers import open_checkpoint

    reporter = Reporter()
    with ExitStack() as stack:
        opened = [open_checkpoint(path, reporter) for path in (first, second)]
        checkpoints = [stack.enter_context(o) for o in opened if not isinstance(o, Failed)]
        end_on_errors(reporter)
        found = _compare(checkpoints[0], checkpoints[1], tolerance, reporter)
    end_on_errors(reporter)
    if isinstance(found, Failed):
        raise typer.Exit(SPEC_ERRORS)
    notes = [f"{c.path}: {note}" for c in checkpoints for note in c.notes]
    if form == "json":
        print_json({**_as_json(found), "notes": notes})
    else:
        for note in notes:
            say("note", note)
        for line in _lines(found):
            put(line)
    if not found.is_same:
        raise typer.Exit(SPEC_ERRORS)


def _compare(
    first: Checkpoint, second: Checkpoint, tolerance: float | None, reporter: Reporter
) -> Comparison | Failed:
    from archc.weights.compare import compare
    from archc.weights.convert import report_unread
    from archc.weights.stored_values import TensorReadError

    with Progress("comparing", readable=lambda count: f"{count} tensors") as progress:
        try:
            return compare(first.tensors, second.tensors, tolerance=tolerance, progress=progress)
        except TensorReadError as error:
            return report_unread(error, first.path, reporter)


def _lines(found: Comparison) -> list[str]:
    lines = [f"removed   {visible(name)}" for name in found.removed]
    lines += [f"added     {visible(name)}" for name in found.added]
    lines += [f"renamed   {visible(old)} -> {visible(new)}" for old, new in found.renamed]
    lines += [
        f"reshaped  {visible(r.name)}: {list(r.first)} -> {list(r.second)}" for r in found.reshaped
    ]
    lines += [f"differs   {_change(c)}" for c in found.changed]
    lines += [f"within    {_change(c)}" for c in found.within]
    counts = {
        "the same": found.same,
        "within the tolerance": len(found.within),
        "of other elements": len(found.changed),
        "of other sizes": len(found.reshaped),
        "renamed": len(found.renamed),
        "removed": len(found.removed),
        "added": len(found.added),
    }
    told = [f"{count} {what}" for what, count in counts.items() if count or what == "the same"]
    return [*lines, ", ".join(told)]


def _change(change: Changed) -> str:
    first, second = change.types
    types = f"{first} -> {second}, " if first != second else ""
    if change.differing == 0:
        return f"{visible(change.name)}: {types}the same numbers"
    return (
        f"{visible(change.name)}: {types}{change.differing:,} of {change.count:,} elements, "
        f"by up to {change.largest:.4g}"
    )


def _as_json(found: Comparison) -> dict[str, object]:
    return {
        "is_same": found.is_same,
        "same": found.same,
        "removed": list(found.removed),
        "added": list(found.added),
        "renamed": [{"first": old, "second": new} for old, new in found.renamed],
        "reshaped": [
            {"name": r.name, "first": list(r.first), "second": list(r.second)}
            for r in found.reshaped
        ],
        "changed": [_change_json(c) for c in found.changed],
        "within": [_change_json(c) for c in found.within],
    }


def _change_json(change: Changed) -> dict[str, object]:
    return {
        "name": change.name,
        "types": list(change.types),
        "elements": change.count,
        "differing": change.differing,
        # JSON has no infinity; null says that one of two numbers is not finite.
        "largest": change.largest if math.isfinite(change.largest) else None,
    }
