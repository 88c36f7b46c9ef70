"""Renaming a parameter, block, layer or variant wherever it is named; tried before it is done."""

from __future__ import annotations

from typing import NamedTuple

from archc.diagnostics.place import Span
from archc.editor.lsp.changes import Change, changed
from archc.editor.lsp.document import Document
from archc.editor.lsp.expressions import mentions
from archc.editor.lsp.references import references, symbol_at
from archc.editor.lsp.symbols import Kind, Symbol
from archc.editor.lsp.words import Role
from archc.editor.lsp.workspace import Workspace
from archc.language.spec import RESERVED_PARAMETERS
from archc.language.tree import is_name

_FILE_WORDS = ("input", "expect", "description")


class Refusal(NamedTuple):
    """Why a name stays as it is."""

    reason: str


class Renaming(NamedTuple):
    """The changes that give something another name, in all documents that name it."""

    changes: tuple[Change, ...]


def renamable(workspace: Workspace, document: Document, offset: int) -> Span | Refusal:
    """The characters at an offset that are a name which can be changed."""
    symbol = symbol_at(document, offset)
    if symbol is None:
        return Refusal("there is no name of a parameter, block, layer or variant here")
    for other, span in references(workspace, symbol):
        start, end = other.lines.offsets(span)
        if other.path == document.path and start <= offset <= end:
            return span
    return Refusal(f"`{symbol.name}` is not written as such here")


def rename(workspace: Workspace, document: Document, offset: int, name: str) -> Renaming | Refusal:
    """The changes that rename what stands at an offset."""
    symbol = symbol_at(document, offset)
    if symbol is None:
        return Refusal("there is no name of a parameter, block, layer or variant here")
    if not _is_possible(symbol, name):
        return Refusal(f"`{name}` cannot be the name of a {symbol.kind.value}")
    if name == symbol.name:
        return Renaming(())
    places = references(workspace, symbol)
    if workspace.get(symbol.path) is None:
        return Refusal(f"`{symbol.name}` is declared in {symbol.path}: open it first")
    by_document: dict[Document, list[Change]] = {}
    if any(other.lines.written(span) != symbol.name for other, span in places):
        return Refusal(f"`{symbol.name}` is not written as such everywhere")
    for other, span in places:
        by_document.setdefault(other, []).append(Change(span, name))
    for other, changes in by_document.items():
        if symbol.kind is Kind.NAME and _is_seen(other, name, changes):
            return Refusal(f"`{name}` means something else at one of these places")
    refusal = _tried(by_document, symbol)
    return refusal or Renaming(tuple(c for changes in by_document.values() for c in changes))


def _is_possible(symbol: Symbol, name: str) -> bool:
    if symbol.kind is not Kind.NAME:
        return is_name(name) and (symbol.kind is not Kind.LAYER or name != "input")
    reserved = RESERVED_PARAMETERS if symbol.block else _FILE_WORDS
    return name.isidentifier() and name.isascii() and name not in reserved


def _is_seen(document: Document, name: str, changes: list[Change]) -> bool:
    """Whether a name is declared already where another is to take it."""
    places = {change.span for change in changes}
    for word in document.words:
        is_here = word.scalar.span in places or any(
            document.span(m.start, m.end) in places for m in mentions(document, word)
        )
        if is_here and word.role is not Role.ARGUMENT and word.names.find(name) is not None:
            return True
    return False


def _tried(by_document: dict[Document, list[Change]], symbol: Symbol) -> Refusal | None:
    """Refuses what gives a spec errors that it did not have, or other layers."""
    sources = {d.path: changed(d, changes).source for d, changes in by_document.items()}
    for document, changes in by_document.items():
        after = changed(document, changes)
        after.opened |= {p: s for p, s in sources.items() if p != document.path}
        is_worse = len(after.mistakes) > len(document.mistakes)
        if is_worse or _layers(after) != _layers(document):
            return Refusal(
                f"the spec would mean something else with this name: `{symbol.name}` stays"
            )
    return None


def _layers(document: Document) -> list[tuple[str, str]]:
    """The ops and types of all layers, whatever they are called."""
    trace = document.trace
    nodes = trace.graph.nodes if trace is not None else ()
    return [(node.layer.op, str(node.output)) for node in nodes]
