"""Diagnostics on the terminal, and the end of a command that has some."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from archc.cli.terminal import has_color, put, put_aside, say, width_of
from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.reporter import Reporter

SHOWN = 20
"""Diagnostics that are shown where nobody asks for all."""

SPEC_ERRORS = 1
"""The exit status where a spec, a checkpoint, an image or answers have errors."""


def show(
    diagnostics: Iterable[Diagnostic],
    *,
    limit: int | None = SHOWN,
    context: str = "",
    more: str = "",
) -> None:
    """Puts diagnostics on standard error, as wide as that is.

    Args:
        diagnostics: what was found.
        limit: how many are shown, or None for all.
        context: what follows their count.
        more: the help that says how to see all of them.
    """
    found = tuple(diagnostics)
    if not found:
        return
    from archc.diagnostics.text import render_text

    sys.stdout.flush()  # what was found before stands before
    text = render_text(
        found, width=width_of(sys.stderr), color=has_color(sys.stderr),
        limit=limit, context=context, more=more,
    )  # fmt: skip
    put_aside(text)
    if sys.stderr.isatty():  # a line for a person, of no use in a log
        first = min(found, key=lambda d: d.severity is not Severity.ERROR)
        say("help", f"`archc explain {first.rule.slug}` says more, with an example")


def print_report(
    form: str,
    diagnostics: Iterable[Diagnostic],
    *,
    about: Mapping[str, object] | None = None,
    context: str = "",
    is_all: bool = False,
) -> None:
    """Puts what was found where the format wants it.

    Text goes to standard error, the others to standard output.

    Args:
        form: `text`, `json`, `sarif` or `github`.
        diagnostics: what was found.
        about: what else a JSON document has.
        context: what follows the count in a text, such as "in 2 of 3 specs".
        is_all: whether `text` and `github` give all of it.
    """
    found = tuple(diagnostics)
    if form == "json":
        print_json(about or {}, found)
    elif form == "sarif":
        from archc.diagnostics.sarif import render_sarif

        put(render_sarif(found, _root()))
    elif form == "github":
        from archc.diagnostics.github import KEPT, render_github

        if found:
            put(render_github(found, _root(), limit=None if is_all else KEPT))
    elif found:
        limit = None if is_all else SHOWN
        show(found, limit=limit, context=context, more="`--all` shows every one")


def _root() -> Path:
    """What files are named relative to: the checkout of a workflow, else the current folder."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    here = Path.cwd()
    if workspace and here.is_relative_to(workspace):
        return Path(workspace)
    return here


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
