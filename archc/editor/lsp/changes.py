"""Changes of a text, tried out before they are offered."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.place import Span
from archc.editor.lsp.document import Document
from archc.editor.lsp.positions import TextLines

FIRST_STEPS = 2
"""The steps of a check up to the variant that is shown."""


class Change(NamedTuple):
    """A text in the place of a span."""

    span: Span
    text: str


def changed(document: Document, changes: Iterable[Change]) -> Document:
    """The document after some changes, which do not overlap."""
    text = document.source.text
    places = [(*document.lines.offsets(change.span), change.text) for change in changes]
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    lines = TextLines(document.source.name, text)
    return Document(document.path, lines, document.opened, document.wanted)


def errors(document: Document, *, in_all: bool = False) -> tuple[Diagnostic, ...]:
    """The errors of a document: of reading it and of the variant that is shown, or of all."""
    steps = list(islice(document.check(), None if in_all else FIRST_STEPS))
    return tuple(d for d in steps[-1] if d.severity is Severity.ERROR)
