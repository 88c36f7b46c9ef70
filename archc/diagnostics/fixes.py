"""Fixes: the helps that are exact replacements, for editors and for SARIF.

A help "did you mean `relu`?" is one where the message names the word that is wrong, and that word
stands once in the span of the diagnostic. Nothing else is guessed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Span

_MEANT = re.compile(r"did you mean `([^`\n]+)`\?")
_QUOTED = re.compile(r"`([^`\n]+)`")


class Fix(NamedTuple):
    """A replacement: where, by what, and the help that it follows."""

    span: Span
    text: str
    help: str


def fix_of(diagnostic: Diagnostic) -> Fix | None:
    """The replacement that the one suggestion of a diagnostic is, or None where there is none."""
    meant = [(m[1], h) for h in diagnostic.helps if (m := _MEANT.fullmatch(h)) is not None]
    if len(meant) != 1:
        return None
    text, help_text = meant[0]
    span = diagnostic.span
    if span.line != span.end_line or not span.source.text:
        return None
    written = span.source.line(span.line)[span.column - 1 : span.end_column - 1]
    for word in _QUOTED.findall(diagnostic.message):
        found = _alone(word, written)
        if found is not None and word != text:
            return Fix(span.slice(found, found + len(word)), text, help_text)
    return None


def _alone(word: str, text: str) -> int | None:
    """Where a word stands in a text, if it stands there once and is no part of another."""
    found = [m.start() for m in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text)]
    return found[0] if len(found) == 1 else None
