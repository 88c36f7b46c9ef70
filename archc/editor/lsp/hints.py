"""Inlay hints: the type that comes out of each layer, at the end of the line of its name."""

from __future__ import annotations

from typing import NamedTuple

from archc.editor.lsp.document import Document
from archc.editor.lsp.figures import Figures
from archc.stages.elaborate.trace import Use


class Hint(NamedTuple):
    """What stands at the end of a line, and what is said of it.

    Attributes:
        line: the line, from 1.
        offset: the end of the line.
    """

    line: int
    offset: int
    text: str
    about: str


def inlay_hints(document: Document, first: int = 1, last: int | None = None) -> list[Hint]:
    """The hints of some lines, one a line: where several layers stand, what leaves the last."""
    trace, figures = document.trace, document.figures
    if trace is None or figures is None:
        return []
    lines: dict[int, tuple[tuple[int, int], list[Use]]] = {}
    for span, uses in trace.uses.items():
        at = uses[0].name_span
        is_here = at.source is document.source and first <= at.line <= (last or at.line)
        if not is_here:
            continue
        end = (span.end_line, span.end_column)
        known = lines.get(at.line)
        if known is None or end >= known[0]:
            lines[at.line] = (
                end,
                uses if known is None or end > known[0] else _outer(known[1], uses),
            )
    found = []
    for line, (_, uses) in sorted(lines.items()):
        text = _text(uses, figures)
        if text:
            offset = document.lines.line_end(line)
            found.append(Hint(line, offset, text, _about(uses, figures)))
    return found


def _outer(a: list[Use], b: list[Use]) -> list[Use]:
    """Of two layers that end at one place, the one around the other."""
    return a if len(a[0].name) <= len(b[0].name) else b


def _text(uses: list[Use], figures: Figures) -> str:
    """The type where all uses have the same, else the first and the last."""
    shown = list(dict.fromkeys(figures.shown(use.after) for use in uses if use.after is not None))
    if not shown:
        return ""
    return shown[0] if len(shown) == 1 else f"{shown[0]} … {shown[-1]}"


def _about(uses: list[Use], figures: Figures) -> str:
    lines = [f"{use.name}: {figures.shown(use.after)}" for use in uses if use.after is not None]
    return "\n".join(lines[:12] + ["…"] * (len(lines) > 12))
