"""The outline of a spec: its sections, declarations and layers, nested as they are written."""

from __future__ import annotations

from dataclasses import dataclass, field

from archc.diagnostics.place import Span
from archc.editor.lsp.document import Document
from archc.editor.lsp.words import Role, Word
from archc.language.tree import shown

_KINDS = {
    Role.TOP_KEY: "section",
    Role.PARAMETER: "parameter",
    Role.LET: "constant",
    Role.VARIANT: "variant",
    Role.BLOCK: "block",
    Role.LAYER_NAME: "layer",
    Role.OUTPUT: "output",
    Role.OP: "layer",
}


@dataclass(eq=False, slots=True)
class Entry:
    """A thing in the outline.

    Attributes:
        kind: section, parameter, constant, variant, block, layer or output.
        whole: all that it holds.
        name_span: its name.
        detail: the type that comes out of a layer.
    """

    name: str
    kind: str
    whole: Span
    name_span: Span
    detail: str = ""
    children: list[Entry] = field(default_factory=list)


def outline(document: Document) -> list[Entry]:
    """The entries of the outermost level, in the order of the text."""
    entries = sorted(_entries(document), key=lambda e: (_start(e), *(-n for n in _end(e))))
    top: list[Entry] = []
    around: list[Entry] = []
    for entry in entries:
        while around and _end(around[-1]) <= _start(entry):
            around.pop()
        (around[-1].children if around else top).append(entry)
        around.append(entry)
    return top


def _entries(document: Document) -> list[Entry]:
    named: set[Span] = set()
    found = []
    for word in document.words:
        kind = _KINDS.get(word.role)
        if kind is None or (word.role is not Role.OP and word.whole is None):
            continue
        whole = word.extent
        if word.role is Role.OP:
            if word.layer is None or word.layer.span in named:
                continue
            whole = word.layer.span
        elif word.role is Role.LAYER_NAME and word.layer is not None:
            named.add(word.layer.span)
        detail = _detail(document, word)
        found.append(Entry(shown(word.text) or "?", kind, whole, word.scalar.span, detail))
    return found


def _detail(document: Document, word: Word) -> str:
    trace, figures = document.trace, document.figures
    if trace is None or figures is None or word.layer is None:
        return ""
    uses = trace.uses.get(word.layer.span, [])
    types = list(dict.fromkeys(figures.shown(use.after) for use in uses if use.after is not None))
    return types[0] if len(types) == 1 else ""


def _start(entry: Entry) -> tuple[int, int]:
    return entry.whole.line, entry.whole.column


def _end(entry: Entry) -> tuple[int, int]:
    return entry.whole.end_line, entry.whole.end_column
