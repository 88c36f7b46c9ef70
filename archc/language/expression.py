"""The trees of expressions; every node holds its place in the scalar's text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from archc.diagnostics.diagnostic import Rule

SYNTAX = Rule(
    "expression/syntax",
    "an expression cannot be read",
    "an expression is a formula over the names in reach, and nothing else",
)
DOLLAR = Rule(
    "expression/dollar",
    "a `$` begins no expression",
    "`$` stands only before a name that is the whole value, before `(`, or doubled",
)

TOO_LONG = Rule(
    "expression/too-long",
    "an expression, or a text with expressions, is too long",
    "every spec is answered quickly, and a long formula is read by nobody",
)
TOO_DEEP = Rule(
    "expression/too-deep",
    "an expression nests too deeply",
    "expressions are read and evaluated level by level, which takes stack",
)


class Mistake(Exception):  # noqa: N818 - a mistake of the user's, turned into a diagnostic
    """A mistake within a scalar: its rule, its message, and the characters at fault.

    `unknown` is the name that nothing declares, where that is the mistake.
    """

    def __init__(
        self,
        rule: Rule,
        message: str,
        start: int,
        end: int,
        helps: tuple[str, ...] = (),
        *,
        unknown: str = "",
    ) -> None:
        super().__init__(message)
        self.unknown = unknown
        self.rule, self.message, self.start, self.end, self.helps = rule, message, start, end, helps


class Literal(NamedTuple):
    """A number, a string or a bool."""

    value: bool | int | float | str
    start: int
    end: int


class Name(NamedTuple):
    """A parameter, a `let`, a loop name, or `input`."""

    name: str
    start: int
    end: int


class Attribute(NamedTuple):
    """A property of `input`."""

    name: str
    start: int
    end: int
    value: Expression


@dataclass(frozen=True, eq=False, slots=True)
class Index:
    """An element of a list."""

    value: Expression
    index: Expression
    start: int
    end: int


class ListOf(NamedTuple):
    """A list."""

    items: tuple[Expression, ...]
    start: int
    end: int


class Call(NamedTuple):
    """A call of one of the functions."""

    function: str
    arguments: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...]
    start: int
    end: int


class Unary(NamedTuple):
    """`-x`, `+x` or `not x`."""

    operator: str
    operand: Expression
    start: int
    end: int


class Binary(NamedTuple):
    """An operator between two operands."""

    operator: str
    left: Expression
    right: Expression
    start: int
    end: int


class Choice(NamedTuple):
    """`a if c else b`."""

    condition: Expression
    then: Expression
    otherwise: Expression
    start: int
    end: int


Expression: TypeAlias = Literal | Name | Attribute | Index | ListOf | Call | Unary | Binary | Choice

Template: TypeAlias = tuple[str | Expression, ...]
"""A text with expressions in it; a single expression is a value with its own type."""


def parts_of(node: Expression) -> tuple[Expression, ...]:
    """The nodes right below a node."""
    match node:
        case Literal() | Name():
            return ()
        case Attribute():
            return (node.value,)
        case Index():
            return node.value, node.index
        case ListOf():
            return node.items
        case Call():
            return (*node.arguments, *(value for _, value in node.named))
        case Unary():
            return (node.operand,)
        case Binary():
            return node.left, node.right
        case Choice():
            return node.condition, node.then, node.otherwise
