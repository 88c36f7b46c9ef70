"""What a reporter has collected, as tests look at it."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.reporter import Reporter


def rules(reporter: Reporter) -> list[str]:
    """The slugs of the rules that were broken."""
    return [found.rule.slug for found in reporter.diagnostics]


def only(reporter: Reporter) -> Diagnostic:
    """The one diagnostic."""
    (found,) = reporter.diagnostics
    return found
