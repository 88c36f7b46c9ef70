"""The places of a spec that a mutation can change: scalars with what they are, and lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from archc.diagnostics.place import Span
from archc.language.spec import CONTROL_KEYS, MODIFIERS
from archc.language.tree import Mapping, Scalar, Sequence, Tree
from archc.layers.catalog import OPS

Kind: TypeAlias = Literal["op", "argument", "modifier", "name", "value", "principal"]
MERGES = ("add", "sub", "mul", "average", "maximum", "concat")


@dataclass(frozen=True)
class Site:
    """A scalar in a sequence of layers.

    Attributes:
        kind: what it is: an op, the name of an argument or a modifier, a layer's name, or a value.
        scalar: the scalar.
        of: the op, argument or modifier that a value belongs to.
        op: the op beside it.
        is_branch: whether it stands in a branch of a merge.
    """

    kind: Kind
    scalar: Scalar
    of: str = ""
    op: str = ""
    is_branch: bool = False

    @property
    def text(self) -> str:
        """What is written there."""
        return self.scalar.text

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.scalar.span

    @property
    def is_one_line(self) -> bool:
        """Whether it can be replaced by its span."""
        return self.span.line == self.span.end_line


def layer_sites(tree: Tree, *, is_branch: bool = False) -> Iterator[Site]:
    """The sites of a sequence of layers, in the order of the text."""
    if isinstance(tree, Mapping):
        for entry in tree:
            yield Site("name", entry.key, is_branch=is_branch)
            yield from _layer(entry.value, is_branch)
    elif isinstance(tree, Sequence):
        for item in tree.items:
            is_control = isinstance(item, Mapping) and item.get("do") is not None
            yield from _control(item, is_branch) if is_control else _layer(item, is_branch)


def _control(item: Tree, is_branch: bool) -> Iterator[Site]:
    assert isinstance(item, Mapping)
    for entry in item:
        yield Site("modifier", entry.key, is_branch=is_branch)
        if entry.key.text in ("do", "else"):
            yield from layer_sites(entry.value, is_branch=is_branch)
        else:
            yield from _values(entry.value, entry.key.text, "do", is_branch)


def _layer(tree: Tree, is_branch: bool) -> Iterator[Site]:
    if isinstance(tree, Scalar):
        yield Site("op", tree, is_branch=is_branch)
    elif isinstance(tree, Sequence):
        yield from layer_sites(tree, is_branch=is_branch)
    else:
        yield from _mapping(tree, is_branch)


def _mapping(tree: Mapping, is_branch: bool) -> Iterator[Site]:
    op = next((e.key.text for e in tree if e.key.text not in MODIFIERS), "")
    for entry in tree:
        key = entry.key.text
        if key == "layers":
            yield from layer_sites(entry.value, is_branch=is_branch)
        elif key in MODIFIERS:
            yield Site("modifier", entry.key, op=op, is_branch=is_branch)
            yield from _values(entry.value, key, op, is_branch)
        elif key == op:
            yield Site("op", entry.key, is_branch=is_branch)
            if op in MERGES and isinstance(entry.value, Sequence):
                yield from _branches(entry.value)
            else:
                yield from _values(entry.value, op, op, is_branch, kind="principal")
        else:
            yield Site("argument", entry.key, op=op, is_branch=is_branch)
            yield from _values(entry.value, key, op, is_branch)


def _branches(tree: Sequence) -> Iterator[Site]:
    for item in tree.items:
        if isinstance(item, Mapping) and set(item.names) <= {"layers", "from", "when"}:
            for entry in item:
                if entry.key.text == "layers":
                    yield from layer_sites(entry.value, is_branch=True)
                else:
                    yield Site("modifier", entry.key, is_branch=True)
                    yield from _values(entry.value, entry.key.text, "", is_branch=True)
        else:
            yield from layer_sites(item, is_branch=True)


def _values(tree: Tree, of: str, op: str, is_branch: bool, kind: Kind = "value") -> Iterator[Site]:
    if isinstance(tree, Scalar):
        yield Site(kind, tree, of, op, is_branch)
    elif isinstance(tree, Sequence):
        for item in tree.items:
            yield from _values(item, of, op, is_branch)
    else:
        for entry in tree:
            yield Site("argument", entry.key, op=op, is_branch=is_branch)
            yield from _values(entry.value, entry.key.text, op, is_branch)


def is_op(site: Site) -> bool:
    """Whether a site names an op of the language, or a merge."""
    return site.kind == "op" and site.text in OPS


def is_control_word(text: str) -> bool:
    """Whether a word begins or goes on with a control item."""
    return text in CONTROL_KEYS
