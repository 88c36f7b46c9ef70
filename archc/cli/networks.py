"""The network that a command is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.cli.settings import choices
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.pipeline.networks import Network


def elaborated(spec: str, variant: str | None, settings: Iterable[str] | None) -> Network:
    """The network of a spec and the options, after its warnings are shown.

    Raises:
        typer.Exit: it has errors, which are shown.
    """
    from archc.pipeline.networks import elaborate_network
    from archc.pipeline.reading import load_spec

    reporter = Reporter()
    chosen = choices(variant, settings, reporter)
    loaded = load_spec(spec, reporter)
    network = loaded if isinstance(loaded, Failed) else elaborate_network(loaded, chosen, reporter)
    end_on_errors(reporter)
    if isinstance(network, Failed):
        raise typer.Exit(SPEC_ERRORS)
    return network
