"""`archc summary`: the layers of a network with what each costs and sees."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from archc.cli.networks import elaborated
from archc.cli.options import (
    SetOption,
    SpecArgument,
    TableFormat,
    VariantOption,
    whole_number,
)
from archc.cli.terminal import put, width_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def summary(
    spec: SpecArgument,
    variant: VariantOption = None,
    settings: SetOption = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth",
            metavar="N",
            help="Group layers by the first N parts of their names.",
            parser=whole_number(1),
        ),
    ] = None,
    form: TableFormat = "table",
) -> None:
    """Show each layer's output, parameters, MACs and receptive field."""
    from archc.analysis.summary import summarize
    from archc.analysis.summary_table import render_csv, render_json, render_table

    network = elaborated(spec, variant, settings)
    found = summarize(network.graph, depth)
    if form == "json":
        put(render_json(found))
    elif form == "csv":
        put(render_csv(found))
    else:
        put(render_table(found, width=width_of(sys.stdout) if sys.stdout.isatty() else None))
