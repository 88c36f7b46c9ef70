"""`archc weights swap`: new weights into a built model, without its spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.cli.terminal import put, say
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.language.regular import Pattern

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_Keep: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="PATTERN",
        help="Leave the model's own tensors of such names where FILE has none. May be given "
        "several times.",
    ),
]
_Ignore: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="PATTERN",
        help="Pass over tensors of FILE of such names. May be given several times.",
    ),
]
_ExternalData: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--external-data/--single-file",
        help="Put the weights into a second file, OUT.data, or all into one.  [default: as in "
        "MODEL]",
        show_default=False,
    ),
]


@app.command()
def swap(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A built model.", show_default=False)
    ],
    weights: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A checkpoint with the same names, sizes and types, or another such model.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="OUT", help="Where it goes.", show_default=False),
    ],
    keep: _Keep = None,
    ignore: _Ignore = None,
    external_data: _ExternalData = None,
) -> None:
    """Put new weights into a built model, without its spec."""
    from archc.analysis.readable import readable_bytes
    from archc.pipeline.swapping import SwapOptions, swap_weights

    reporter = Reporter()
    options = SwapOptions(_patterns("--keep", keep), _patterns("--ignore", ignore), external_data)
    with Progress(f"writing {output.name}") as progress:
        result = swap_weights(model, weights, output, reporter, options=options, progress=progress)
    end_on_errors(reporter)
    if isinstance(result, Failed):
        raise typer.Exit(SPEC_ERRORS)
    for note in result.notes:
        say("note", note)
    where = str(result.path)
    if result.external_path is not None:
        where += f" and {result.external_path}"
    put(f"{where}: {readable_bytes(result.bytes_written)}")
    put(f"  weights  {result.swapped} new, sha256 {result.weights_digest}")


def _patterns(option: str, given: Sequence[str] | None) -> tuple[Pattern, ...]:
    """The compiled patterns.

    Raises:
        typer.BadParameter: one is no regular expression.
    """
    from archc.language.regular import PatternMistake, compile_pattern

    found = []
    for text in given or ():
        try:
            found.append(compile_pattern(text))
        except PatternMistake as mistake:
            message = f"`{option} {text}` is no regular expression: {mistake}"
            raise typer.BadParameter(message) from mistake
    return tuple(found)
