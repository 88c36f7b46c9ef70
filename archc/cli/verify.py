"""`archc verify`: compares a model's outputs with known answers."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archc.cli.options import TextOrJson, number
from archc.cli.report import SPEC_ERRORS, end_on_errors, print_json
from archc.cli.terminal import paint, put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.runtime.difference import OutputDifference
    from archc.runtime.verify import Verification

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def verify(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A built model.", show_default=False)
    ],
    against: Annotated[
        Path,
        typer.Option(
            "--against",
            metavar="ANSWERS",
            help="An .npz file with inputs and outputs by name.",
            show_default=False,
        ),
    ],
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="X",
            help="The largest difference allowed, as a share of the largest answer.  [default: "
            "0.0001, and 0.01 in sixteen bits]",
            show_default=False,
            parser=number(math.inf, "of at least 0"),
        ),
    ] = None,
    form: TextOrJson = "text",
) -> None:
    """Compare a model's outputs with known answers; the exit status is 1 where they differ."""
    from archc.runtime.model import open_model
    from archc.runtime.verify import is_in
    from archc.runtime.verify import verify as compare

    reporter = Reporter()
    opened = open_model(model, reporter)
    found = (
        opened
        if isinstance(opened, Failed)
        else compare(opened, against, reporter, tolerance=tolerance)
    )
    end_on_errors(reporter)
    if isinstance(opened, Failed) or isinstance(found, Failed):
        raise typer.Exit(SPEC_ERRORS)
    if form == "json":
        print_json(
            {
                "is_close": found.is_close,
                "outputs": [_as_json(output) for output in found.outputs],
                "unanswered": list(found.unanswered),
                "unused": list(found.unused),
            }
        )
    else:
        _put(found)
    if not found.is_close:
        if tolerance is None and is_in(opened, "int8"):
            say("note", "the model is in eight bits, and is compared as one in float32 would be")
            say("help", "allow for it: `--tolerance 0.1` is a tenth of the largest answer")
        raise typer.Exit(SPEC_ERRORS)


def _put(found: Verification) -> None:
    for output in found.outputs:
        put(_line(output))
    for name in found.unanswered:
        say("note", f"the output `{visible(name)}` has no answer")
    for name in found.unused:
        say("note", f"the answers' `{visible(name)}` belongs to nothing in the model")


def _line(output: OutputDifference) -> str:
    verdict = (
        paint("equal enough", "good", sys.stdout)
        if output.is_close
        else paint("differs", "error", sys.stdout)
    )
    where = ", ".join(map(str, output.where))
    text = (
        f"{visible(output.name)}: {verdict}, worst difference {output.worst:.3g} at [{where}], "
        f"{output.relative:.3g} of the largest answer {output.largest:.4g}; "
        f"allowed {output.tolerance:.3g}"
    )
    if output.same_top is not None:
        text += f"; same class in {output.same_top} of {output.samples}"
    return text


def _as_json(output: OutputDifference) -> dict[str, object]:
    return {
        "name": output.name,
        "is_close": output.is_close,
        "worst": _finite(output.worst),
        "where": list(output.where),
        "relative": _finite(output.relative),
        "largest": output.largest,
        "tolerance": output.tolerance,
        "samples": output.samples,
        "same_top": output.same_top,
    }


def _finite(number: float) -> float | None:
    """The number, or null in JSON, which has no infinity."""
    return number if math.isfinite(number) else None
