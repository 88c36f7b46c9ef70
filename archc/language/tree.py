"""The tree of a document: YAML's scalars, sequences and mappings, each with its span.

Nodes are compared by identity, so what was computed for one can be kept beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from archc.diagnostics.place import Span

ScalarValue: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, eq=False, slots=True)
class Scalar:
    """A scalar.

    Attributes:
        value: what it is by YAML 1.2's core schema.
        text: what it was written with.
        span: where it stands.
        is_quoted: whether it stands in quotes.
        cut: the whole expression, where YAML has cut one at its commas into several scalars.
    """

    value: ScalarValue
    text: str
    span: Span
    is_quoted: bool = False
    cut: str = ""

    @property
    def is_null(self) -> bool:
        """Whether it is no value."""
        return self.value is None

    def part(self, start: int, end: int) -> Span:
        """The span of some characters of the text, or the whole span where they cannot be found."""
        shift = 1 if self.is_quoted else 0
        one_line = self.span.line == self.span.end_line
        if not one_line or self.span.end_column - self.span.column != len(self.text) + 2 * shift:
            return self.span
        return self.span.slice(start + shift, max(end, start + 1) + shift)


@dataclass(frozen=True, eq=False, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Tree, ...]
    span: Span


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """A key with its value."""

    key: Scalar
    value: Tree


@dataclass(frozen=True, eq=False, slots=True)
class Mapping:
    """Keys with values, in the order written, no key twice."""

    entries: tuple[Entry, ...]
    span: Span

    def get(self, name: str) -> Entry | None:
        """The entry whose key is written as this text."""
        for entry in self.entries:
            if entry.key.text == name:
                return entry
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The keys' texts."""
        return tuple(entry.key.text for entry in self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


Tree: TypeAlias = Scalar | Sequence | Mapping

TREES = (Scalar, Sequence, Mapping)


_NAME = re.compile(r"[A-Za-z0-9_-]+")


def is_name(text: str) -> bool:
    """Whether a text is a name: letters, digits, `_` and `-`."""
    return _NAME.fullmatch(text) is not None


def name_help(text: str) -> tuple[str, ...]:
    """The help that shows a text with `_` in place of what names do not have, or no help."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")
    return (f"write `{shown(name)}`",) if name else ()


def kind_of(tree: Tree) -> str:
    """What a node is, for messages: `a list`, `a mapping`, `an empty value`, or its text."""
    if isinstance(tree, Sequence):
        return "a list"
    if isinstance(tree, Mapping):
        return "a mapping"
    if tree.value is None:
        return "an empty value"
    return f"`{shown(tree.text)}`"


def has_expression(tree: Tree) -> bool:
    """Whether a `$` stands in a node or below it."""
    if isinstance(tree, Scalar):
        return "$" in tree.text
    if isinstance(tree, Sequence):
        return any(has_expression(item) for item in tree.items)
    return any("$" in e.key.text or has_expression(e.value) for e in tree)


def written(tree: Tree) -> str:
    """A node as one line of YAML's flow style, to be quoted in a help."""
    if isinstance(tree, Sequence):
        return f"[{', '.join(map(written, tree.items))}]"
    if isinstance(tree, Mapping):
        return f"{{{', '.join(map(_written_entry, tree.entries))}}}"
    if tree.cut or (tree.is_quoted and not tree.text.isidentifier()):
        quote = '"' if "'" in tree.text else "'"
        return f"{quote}{tree.cut or tree.text}{quote}"
    return tree.text


def _written_entry(entry: Entry) -> str:
    is_null = isinstance(entry.value, Scalar) and entry.value.is_null
    return entry.key.text if is_null else f"{written(entry.key)}: {written(entry.value)}"


def shown(text: object, limit: int = 60) -> str:
    """A text fit for a message: cut in the middle when long."""
    plain = str(text)
    if len(plain) <= limit:
        return plain
    half = (limit - 1) // 2
    return f"{plain[:half]}…{plain[-half:]}"
