"""Diagnostics on the terminal, and the end of a command that has some."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

import typer

from archc.cli.terminal import has_color, put, put_aside, width_of
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.reporter import Reporter

SPEC_ERRORS = 1
"""The exit status where a spec, a checkpoint, an image or answers have errors."""


def show(diagnostics: Iterable[Diagnostic]) -> None:
    """Puts diagnostics on standard error, as wide as that is."""
    found = tuple(diagnostics)
    if not found:
        return
    from archc.diagnostics.text import render_text

    sys.stdout.flush()  # what was found before stands before
    text = render_text(found, width=width_of(sys.stderr), color=has_color(sys.stderr))
    put_aside(text)


def end_on_errors(reporter: Reporter) -> None:
    """Shows what was found, and ends the command where an error was.

    Raises:
        typer.Exit: there was an error.
    """
    show(reporter.diagnostics)
    if reporter.has_errors:
        raise typer.Exit(SPEC_ERRORS)


def print_json(document: Mapping[str, object], diagnostics: Iterable[Diagnostic] = ()) -> None:
    """Puts a document with the diagnostics in it on standard output, as JSON in ASCII."""
    import json

    from archc.diagnostics.machine import render_json

    found = json.loads(render_json(diagnostics))["diagnostics"]
    put(json.dumps({"version": 1, **document, "diagnostics": found}, indent=2))
