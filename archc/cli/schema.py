"""`archc schema`: the JSON Schema of the language, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archc.cli.report import end_on_errors
from archc.cli.terminal import put
from archc.diagnostics.reporter import Reporter

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def schema(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where it goes, but to the terminal."),
    ] = None,
) -> None:
    """Write the JSON Schema of the language, with which an editor checks and completes specs.

    A spec names it in its first line, relative to itself:
    # yaml-language-server: $schema=archc.schema.json
    """
    from archc.editor.json_schema import schema_text

    if output is None:
        put(schema_text().removesuffix("\n"))
        return
    from archc.onnx_io.atomic import write_text

    reporter = Reporter()
    write_text(schema_text(), output, reporter)
    end_on_errors(reporter)
