"""Paths: the layers that they lead to, by what elaborating has come upon."""

from __future__ import annotations

from archc.diagnostics.place import Span
from archc.editor.lsp.document import Document
from archc.editor.lsp.symbols import Kind, Symbol, bare, is_same, path_of
from archc.editor.lsp.words import Role, Word
from archc.stages.elaborate.trace import Target


def targets_of(document: Document, word: Word) -> list[Target]:
    """The layers that a path leads to, in the variant that is shown."""
    trace = document.trace
    return trace.targets.get(word.scalar.span, []) if trace is not None else []


def path_symbol(document: Document, word: Word, offset: int) -> Symbol | None:
    """The layer that a path leads to; a name within the path is looked up among the layers."""
    targets = targets_of(document, word)
    if not targets:
        return None
    start, _ = document.lines.offsets(bare(document, word.scalar))
    parts = word.text.split(".")
    count = word.text[: max(offset - start, 0)].count(".") + 1
    target = targets[0]
    if count < len(parts):
        full = ".".join(target.name.split(".")[: count - len(parts)])
        found = _layer_called(document, full)
        return found if found is not None else _symbol(target)
    return _symbol(target)


def _symbol(target: Target) -> Symbol:
    name = target.name.rpartition(".")[2]
    return Symbol(Kind.LAYER, name, path_of(target.span.source), target.span)


def _layer_called(document: Document, name: str) -> Symbol | None:
    trace = document.trace
    for uses in trace.uses.values() if trace is not None else ():
        for use in uses:
            if use.name == name:
                return _symbol(Target(name, use.name_span))
    return None


def layer_places(document: Document, symbol: Symbol) -> list[Span]:
    """Where a layer is named: at its own place and in paths, also those not looked up."""
    found = [symbol.span] if path_of(symbol.span.source) == document.path else []
    for word in document.words:
        if word.role is not Role.PATH or "$" in word.text:
            continue
        start, _ = document.lines.offsets(bare(document, word.scalar))
        if not targets_of(document, word) and _could_lead(document, word, symbol):
            found.append(document.span(start, start + len(symbol.name)))
        for part in word.text.split("."):
            led = path_symbol(document, word, start)
            if led is not None and is_same(led.span, symbol.span):
                found.append(document.span(start, start + len(part)))
            start += len(part) + 1
    return found


def _could_lead(document: Document, word: Word, symbol: Symbol) -> bool:
    """Whether a path that the shown variant does not look up begins with a layer's name."""
    if word.text.partition(".")[0] != symbol.name:
        return False
    declared = next((w for w in document.words if w.scalar.span == symbol.span), None)
    return declared is not None and declared.block in ("", word.block)
