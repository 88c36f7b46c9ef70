"""`archc summary`: the layers of a network with what each costs and sees."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from archc.cli.networks import elaborated
from archc.cli.options import SetOption, SpecArgument, VariantOption
from archc.cli.terminal import put, width_of

app = typer.Typer(rich_markup_mode=None)


class TableFormat(StrEnum):
    """How a table is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.command()
def summary(
    spec: SpecArgument,
    variant: VariantOption = None,
    settings: SetOption = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth", min=1, metavar="N", help="Group layers by the first N parts of their names."
        ),
    ] = None,
    form: Annotated[
        TableFormat, typer.Option("--format", help="For people or for programs.")
    ] = TableFormat.TABLE,
) -> None:
    """Show each layer's output, parameters, MACs and receptive field."""
    from archc.analysis.summary import summarize
    from archc.analysis.summary_table import render_csv, render_json, render_table

    network = elaborated(spec, variant, settings)
    found = summarize(network.graph, depth)
    if form is TableFormat.JSON:
        put(render_json(found))
    elif form is TableFormat.CSV:
        put(render_csv(found))
    else:
        put(render_table(found, width=width_of(sys.stdout) if sys.stdout.isatty() else None))
