"""Entries that stand beside the empty key that they belong under: their indentation is lost.

    layers:
    stem: {conv: 64, kernel: 7}

YAML reads an empty `layers` and a further key. What was meant is plain, so the entries are put
under the key, and the one mistake is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

from archc.diagnostics.place import Span
from archc.language.tree import Entry, Mapping, Scalar


class Stray(NamedTuple):
    """Entries with their lines, and the empty key that they belong under."""

    under: Scalar
    entries: tuple[Entry, ...]

    @property
    def help(self) -> str:
        """What to do with the lines."""
        first, last = self.entries[0].key.span.line, _end(self.entries[-1])[0]
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        return f"indent {lines} by 2 more spaces"


def put_under(
    tree: Mapping, owns: Callable[[str], bool], is_stray: Callable[[str], bool]
) -> tuple[Mapping, list[Stray]]:
    """The mapping with stray entries under the empty key above them, and what was put there.

    Args:
        tree: a mapping.
        owns: whether a key has entries under it.
        is_stray: whether a key is none of this mapping's own.
    """
    entries: list[Entry] = []
    found: list[Stray] = []
    position = 0
    while position < len(tree.entries):
        entry = tree.entries[position]
        position += 1
        taken: list[Entry] = []
        if _is_empty(entry) and owns(entry.key.text):
            taken = list(takewhile(lambda e: is_stray(e.key.text), tree.entries[position:]))
        if taken and taken[0].key.span.line == entry.key.span.line:
            taken = []  # in braces, where nothing is indented
        if taken:
            position += len(taken)
            found.append(Stray(entry.key, tuple(taken)))
            entry = Entry(entry.key, Mapping(tuple(taken), _around(taken)))
        entries.append(entry)
    return (Mapping(tuple(entries), tree.span), found) if found else (tree, [])


def _is_empty(entry: Entry) -> bool:
    return isinstance(entry.value, Scalar) and entry.value.is_null and not entry.value.text


def _around(entries: list[Entry]) -> Span:
    start = entries[0].key.span
    return Span(start.source, start.line, start.column, *_end(entries[-1]))


def _end(entry: Entry) -> tuple[int, int]:
    """Where an entry ends; at its key, where it has no value to see."""
    span = entry.key.span if _is_empty(entry) else entry.value.span
    return span.end_line, span.end_column
