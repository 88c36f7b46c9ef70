"""The words of a spec: every scalar with the part it plays and the names that it sees.

Words are read off the tree alone, so they are there for blocks that nobody uses, for variants that
nobody chose, and where a spec is not well typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from archc.diagnostics.place import Span
from archc.language.tree import Scalar, Tree


class Role(Enum):
    """The part that a word plays."""

    TOP_KEY = auto()
    KEY = auto()
    """A fixed key of a section: of `input`, `preprocess`, `weights`, `expect`, a block…"""
    TEXT = auto()
    """A text that means nothing to archc."""
    IMPORT = auto()
    PARAMETER = auto()
    TYPE = auto()
    VARIANT = auto()
    SETTING = auto()
    """A parameter that a variant gives a value."""
    LET = auto()
    BLOCK = auto()
    LAYER_NAME = auto()
    OP = auto()
    """An op or a block where it is used."""
    ARGUMENT = auto()
    MODIFIER = auto()
    CONTROL = auto()
    """A key of a control item."""
    LOOP_NAME = auto()
    PATH = auto()
    OUTPUT = auto()
    VALUE = auto()


DECLARING = (Role.PARAMETER, Role.LET, Role.LOOP_NAME)
"""The roles of words that expressions can name."""


class Declaration(NamedTuple):
    """A name that expressions see, where it is declared, and its value or values there."""

    role: Role
    key: Scalar
    value: Tree | None
    block: str


@dataclass(frozen=True, eq=False)
class Names:
    """The names that expressions see at a place, the inner ones first."""

    parent: Names | None
    declared: dict[str, Declaration]

    def find(self, name: str) -> Declaration | None:
        """Where a name is declared, or None."""
        names: Names | None = self
        while names is not None:
            if name in names.declared:
                return names.declared[name]
            names = names.parent
        return None

    def all(self) -> dict[str, Declaration]:
        """Every name in reach."""
        outer = self.parent.all() if self.parent is not None else {}
        return {**outer, **self.declared}


class Word(NamedTuple):
    """A scalar with its part.

    Attributes:
        scalar: the scalar itself.
        role: its part.
        names: the names that an expression in it sees.
        block: the block that it stands in; empty outside of blocks.
        whole: the span of all that a key holds, the key included; else the scalar's own.
        layer: the layer that it belongs to.
        op: the op or block whose argument it is, or gives a value.
        argument: the argument, parameter or key that it gives a value; None for the principal one.
        section: the top-level key that it stands under.
        beside: the keys that stand beside it.
    """

    scalar: Scalar
    role: Role
    names: Names
    block: str = ""
    whole: Span | None = None
    layer: Tree | None = None
    op: Scalar | None = None
    argument: str | None = None
    section: str = ""
    beside: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is written."""
        return self.scalar.text

    @property
    def extent(self) -> Span:
        """All that the word stands for."""
        return self.whole or self.scalar.span
