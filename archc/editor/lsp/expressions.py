"""The names in the expressions of a word, and where exactly they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from archc.diagnostics.place import Span
from archc.editor.lsp.document import Document
from archc.editor.lsp.words import Declaration, Word
from archc.language.expression import Attribute, Call, Expression, Literal, Mistake, Name, parts_of
from archc.language.expression_reader import read_template


class Mention(NamedTuple):
    """A name in an expression.

    Attributes:
        node: what it is in the expression: a name, a property of `input`, a function, or a string.
        text: the name itself.
        start: where it is written, an offset in the document.
        declared: where the name is declared; None for `input`, functions and strings.
    """

    node: Expression
    text: str
    start: int
    declared: Declaration | None

    @property
    def end(self) -> int:
        """The offset where it ends."""
        return self.start + len(self.text)


def mentions(document: Document, word: Word) -> list[Mention]:
    """The names in a word's expressions, in the order of the text."""
    if "$" not in word.text:
        return []
    template = read_template(word.scalar.cut or word.text)
    if isinstance(template, Mistake):
        return []
    found = []
    for part in template:
        for node in () if isinstance(part, str) else _nodes(part):
            text, at = _named(node, word.scalar.cut or word.text)
            start = _offset(document, word, text, at) if text else None
            if start is not None:
                declared = word.names.find(text) if isinstance(node, Name) else None
                found.append(Mention(node, text, start, declared))
    return sorted(found, key=lambda mention: mention.start)


def mention_at(document: Document, word: Word, offset: int) -> Mention | None:
    """The name of a word's expressions at an offset, or that ends there."""
    found = [m for m in mentions(document, word) if m.start <= offset <= m.end]
    return found[-1] if found else None


def _nodes(expression: Expression) -> Iterator[Expression]:
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += parts_of(node)


def _named(node: Expression, text: str) -> tuple[str, int]:
    """The name that a node is, and where it stands in the scalar's text; or nothing."""
    if isinstance(node, Name | Attribute):
        return node.name, node.start
    if isinstance(node, Call):
        return node.function, node.start
    if isinstance(node, Literal) and isinstance(node.value, str):
        inside = text[node.start + 1 : node.end - 1]
        return (node.value, node.start + 1) if inside == node.value else ("", 0)
    return "", 0


def _offset(document: Document, word: Word, name: str, at: int) -> int | None:
    """The offset in the document of a name at a place in the text of a scalar.

    A text in quotes or over several lines may be written otherwise than it reads; then the name is
    as often before the place in both.
    """
    start, end = document.lines.offsets(word.scalar.span)
    written = document.source.text[start:end]
    shift = 1 if word.scalar.is_quoted else 0
    if written[shift + at : shift + at + len(name)] == name and "\n" not in written:
        return start + shift + at
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    before = len(pattern.findall(word.text[:at]))
    places = [m.start() for m in pattern.finditer(written)]
    return start + places[before] if before < len(places) else None


def span_of(document: Document, mention: Mention) -> Span:
    """The span of a name."""
    return document.span(mention.start, mention.end)
