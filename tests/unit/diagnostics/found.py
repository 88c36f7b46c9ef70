"""Diagnostics for the tests, at places found by the text that stands there."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Diagnostic, Rule, Severity
from archc.diagnostics.place import Place, Source, Span

GROUPS = Rule("conv/groups", "groups do not divide the channels", "each group takes an equal part")
UNUSED = Rule("spec/unused", "a layer is not used", "it costs and gives nothing")


def span_of(source: Source, text: str, nth: int = 0) -> Span:
    """The span of the nth occurrence of a text within one line of the source."""
    places = [
        (number, line.index(text))
        for number in range(1, source.text.count("\n") + 2)
        if text in (line := source.line(number))
    ]
    number, start = places[nth]
    return Span(source, number, start + 1, number, start + 1 + len(text))


def error_at(span: Span, message: str = "`groups: 3` does not divide 64") -> Diagnostic:
    return Diagnostic(GROUPS, Severity.ERROR, message, Place(span))


def warning_at(span: Span, message: str = "`b` is not used") -> Diagnostic:
    return Diagnostic(UNUSED, Severity.WARNING, message, Place(span))
