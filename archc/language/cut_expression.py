"""Expressions that YAML's flow collections have cut at their commas, put together again.

In `{conv: $(min(3, 4))}` YAML sees the value `$(min(3` and a key `4))`. What was meant is plain,
so one scalar takes the place of the pieces, and the one mistake is reported where it is evaluated.
"""

from __future__ import annotations

from dataclasses import replace

from archc.diagnostics.place import Span
from archc.language.expression_reader import is_open
from archc.language.tree import Entry, Scalar, Tree


def mend_items(items: list[Tree]) -> list[Tree]:
    """The elements of a flow list, the pieces of a cut expression as one."""
    mended: list[Tree] = []
    position = 0
    while position < len(items):
        first = items[position]
        position += 1
        if isinstance(first, Scalar) and _is_begun(first):
            first, taken = _joined(first, items[position:])
            position += taken
        mended.append(first)
    return mended


def mend_entries(entries: list[Entry]) -> list[Entry]:
    """The entries of a flow mapping, the pieces of a cut expression as one.

    The pieces after the first are keys without a value, or with the value that a cut key has.
    """
    mended: list[Entry] = []
    position = 0
    while position < len(entries):
        entry = entries[position]
        position += 1
        cut_key = _is_begun(entry.key) and _is_null(entry.value)
        first = entry.key if cut_key else entry.value
        if isinstance(first, Scalar) and _is_begun(first):
            rest = entries[position:]
            following = next((i for i, e in enumerate(rest) if not _is_null(e.value)), len(rest))
            whole, taken = _joined(first, [e.key for e in rest[: following + cut_key]])
            taken = taken or (0 if cut_key else following)
            last = rest[taken - 1].value if taken else entry.value
            entry = Entry(whole, last) if cut_key else Entry(entry.key, whole)
            position += taken
        mended.append(entry)
    return mended


def _is_begun(scalar: Scalar) -> bool:
    return not scalar.is_quoted and "$(" in scalar.text and is_open(scalar.text)


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.is_null


def _joined(first: Scalar, pieces: list[Tree] | list[Scalar]) -> tuple[Scalar, int]:
    """The scalar as one with the pieces that close it, and how many these are.

    Where none closes it, the last piece with a closing bracket ends it.
    """
    text, whole, taken = first.text, first.text, 0
    last = first.span
    for count, piece in enumerate(pieces, 1):
        if not isinstance(piece, Scalar) or piece.is_quoted:
            break
        text = f"{text}, {piece.text}"
        if ")" in piece.text:
            whole, taken, last = text, count, piece.span
        if not is_open(text):
            break
    if not taken:
        return first, 0
    start = first.span
    span = Span(start.source, start.line, start.column, last.end_line, last.end_column)
    return replace(first, span=span, cut=whole), taken
