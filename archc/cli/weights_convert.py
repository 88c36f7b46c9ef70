"""`archc weights convert`: a file of weights in another form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archc.cli.options import completing, one_of
from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.cli.terminal import put, say
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.weights.convert import Converted

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN", help="A checkpoint in any form, or an ONNX model.", show_default=False
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="What is written: a `.safetensors` or an `.npz` file.",
            show_default=False,
        ),
    ],
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="float32|float16",
            help="The type of floating point tensors.  [default: as they are stored]",
            show_default=False,
            parser=one_of("float32", "float16"),
            autocompletion=completing("float32", "float16"),
        ),
    ] = None,
) -> None:
    """Write the tensors of a file in another form."""
    from archc.weights.convert import convert as write
    from archc.weights.readers import open_checkpoint

    reporter = Reporter()
    opened = open_checkpoint(source, reporter)
    end_on_errors(reporter)
    if isinstance(opened, Failed):
        raise typer.Exit(SPEC_ERRORS)
    with opened, Progress(f"writing {target.name}") as progress:
        result = write(opened, target, reporter, dtype=dtype, progress=progress)
    end_on_errors(reporter)
    if isinstance(result, Failed):
        raise typer.Exit(SPEC_ERRORS)
    for note in opened.notes:
        say("note", note)
    tell(result)


def tell(result: Converted) -> None:
    """Says what was written."""
    from archc.analysis.readable import readable_bytes

    for note in result.notes:
        say("note", note)
    count = f"{result.tensors} tensor{'s' * (result.tensors != 1)}"
    put(f"{result.path}: {count}, {readable_bytes(result.bytes_written)}")
