"""`archc expand`: a network as a spec without parameters, blocks or loops."""

from __future__ import annotations

import sys

import typer

from archc.cli.networks import elaborated
from archc.cli.options import SetOption, SpecArgument, VariantOption
from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.diagnostics.reporter import Failed, Reporter
from archc.version import __version__

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def expand(spec: SpecArgument, variant: VariantOption = None, settings: SetOption = None) -> None:
    """Write a network as a spec with every layer and every default in it."""
    from archc.analysis.expand import expand as expanded

    network = elaborated(spec, variant, settings)
    graph = network.graph
    reporter = Reporter()
    what = f"{graph.variant} of {graph.name}" if graph.variant else graph.name
    text = expanded(
        graph,
        reporter,
        description=network.spec.description,
        preprocess=None if network.preprocess is None else network.preprocess.model_dump(),
        labels=network.labels,
        weights=network.spec.weights,
        head=[f"{what}, expanded by archc {__version__}"],
    )
    end_on_errors(reporter)
    if isinstance(text, Failed):
        raise typer.Exit(SPEC_ERRORS)
    sys.stdout.write(text)
