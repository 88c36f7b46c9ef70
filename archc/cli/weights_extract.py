"""`archc weights extract`: the weights of a built model as a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.cli.weights_convert import tell
from archc.diagnostics.reporter import Failed, Reporter

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def extract(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="An ONNX model.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="A `.safetensors` or an `.npz` file.  [default: the model's name, as "
            "`.safetensors`, here]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the weights of a model to a file, under the names that they have there."""
    from archc.weights.extract import extract as write

    reporter = Reporter()
    target = Path(f"{model.stem}.safetensors") if output is None else output
    with Progress(f"writing {target.name}") as progress:
        result = write(model, target, reporter, progress=progress)
    end_on_errors(reporter)
    if isinstance(result, Failed):
        raise typer.Exit(SPEC_ERRORS)
    tell(result)
