"""Quick fixes: the helps of a diagnostic as changes of the text, those that mend it alone.

Each is tried: the text with the change must have fewer errors, and not this one any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from archc.diagnostics.diagnostic import Diagnostic
from archc.editor.lsp.changes import Change, changed, errors
from archc.editor.lsp.document import Document

CANDIDATE_BOUND = 6
_QUOTED = re.compile(r"`([^`]+)`")
_LEAVE_OUT = "leave it out"
_REPLACING = ("did you mean", "write ", "quote it", "add ")
"""How helps begin whose words in backticks are to stand there; others only list what there is."""


class Fix(NamedTuple):
    """A change that mends a diagnostic, and what it is called."""

    title: str
    change: Change


def quick_fixes(document: Document, found: Diagnostic) -> list[Fix]:
    """The changes that mend a diagnostic of a document, the first help first."""
    if found.span.source is not document.source:
        return []
    before = errors(document)
    in_all = not any(_is_same(d, found) for d in before)
    if in_all:
        before = errors(document, in_all=True)
    fixes = []
    for fix in list(dict.fromkeys(_candidates(document, found)))[:CANDIDATE_BOUND]:
        after = errors(changed(document, [fix.change]), in_all=in_all)
        if len(after) < len(before) and not any(d.rule is found.rule for d in after[:1]):
            fixes.append(fix)
    return fixes


def _is_same(a: Diagnostic, b: Diagnostic) -> bool:
    return a.rule.slug == b.rule.slug and a.span[1:] == b.span[1:]


def _candidates(document: Document, found: Diagnostic) -> Iterator[Fix]:
    for text in found.helps:
        for shown in _QUOTED.findall(text) if text.startswith(_REPLACING) else ():
            if "…" in shown or "NAME" in shown:
                continue
            old = document.lines.written(found.span)
            if text.startswith("add "):
                yield Fix(f"add `{shown}`", _line_behind(document, found, shown))
            if old != shown:
                yield Fix(f"replace `{old}` with `{shown}`", Change(found.span, shown))
        if text.startswith(_LEAVE_OUT):
            yield Fix("leave it out", Change(found.span, ""))


def _line_behind(document: Document, found: Diagnostic, text: str) -> Change:
    """The text on a line of its own behind that of the diagnostic, as deep."""
    line = document.source.line(found.span.line)
    indent = line[: len(line) - len(line.lstrip())]
    end = document.lines.line_end(found.span.line)
    return Change(document.span(end, end), f"\n{indent}{text}")
