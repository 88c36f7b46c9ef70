"""Expressions: `$(…)` and `$name`, parsed into small trees that hold their places in the scalar.

The grammar is Python's for numbers, strings, `true`, `false`, lists, arithmetic, comparisons (not
chained), `in`, `and or not`, `a if c else b`, indexing and calls of the listed functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

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

LENGTH_BOUND = 2_000
DEPTH_BOUND = 50


class Mistake(Exception):  # noqa: N818 - a mistake of the user's, turned into a diagnostic
    """A mistake within a scalar: its rule, its message, and the characters at fault."""

    def __init__(
        self, rule: Rule, message: str, start: int, end: int, helps: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.rule, self.message, self.start, self.end, self.helps = rule, message, start, end, helps


@dataclass(frozen=True, eq=False, slots=True)
class Literal:
    """A number, a string or a bool."""

    value: bool | int | float | str
    start: int
    end: int


@dataclass(frozen=True, eq=False, slots=True)
class Name:
    """A parameter, a `let`, a loop name, or `input`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, eq=False, slots=True)
class Attribute:
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


@dataclass(frozen=True, eq=False, slots=True)
class ListOf:
    """A list."""

    items: tuple[Expression, ...]
    start: int
    end: int


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """A call of one of the functions."""

    function: str
    arguments: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...]
    start: int
    end: int


@dataclass(frozen=True, eq=False, slots=True)
class Unary:
    """`-x`, `+x` or `not x`."""

    operator: str
    operand: Expression
    start: int
    end: int


@dataclass(frozen=True, eq=False, slots=True)
class Binary:
    """An operator between two operands."""

    operator: str
    left: Expression
    right: Expression
    start: int
    end: int


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """`a if c else b`."""

    condition: Expression
    then: Expression
    otherwise: Expression
    start: int
    end: int


Expression: TypeAlias = Literal | Name | Attribute | Index | ListOf | Call | Unary | Binary | Choice

Template: TypeAlias = tuple[str | Expression, ...]
"""A text with expressions in it; a single expression is a value with its own type."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<operator>\*\*|//|==|!=|<=|>=|[-+*/%<>()\[\],.=]))",
    re.ASCII,
)
_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_]+)*)\Z")
_PRECEDENCE = {
    "or": 1, "and": 2,
    "in": 4, "not in": 4, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "**": 8,
}  # fmt: skip
_COMPARISON = 4
_RESERVED = {"and", "or", "not", "in", "if", "else"}
_QUOTE_HELP = "quote the value, and write `$$` for a dollar sign"


def parse_template(text: str) -> Template | None:
    """The expressions of a scalar's text, or None where it has no `$`.

    Raises:
        Mistake: where a `$` begins no expression, or an expression cannot be read.
    """
    if "$" not in text:
        return None
    short = _NAME.match(text)
    if short:
        return (_short(short),)
    parts: list[str | Expression] = []
    literal, position = "", 0
    while position < len(text):
        character = text[position]
        if character != "$":
            literal, position = literal + character, position + 1
        elif text[position + 1 : position + 2] == "$":
            literal, position = literal + "$", position + 2
        elif text[position + 1 : position + 2] == "(":
            end = _closing(text, position + 1)
            if literal:
                parts.append(literal)
            literal = ""
            parts.append(_Parser(text, position + 2, end).whole())
            position = end + 1
        else:
            message = "this `$` is neither `$name` as the whole value nor `$(…)`"
            raise Mistake(DOLLAR, message, position, position + 1, (_QUOTE_HELP,))
    if literal or not parts:
        parts.append(literal)
    return tuple(parts)


def parse_expression(text: str) -> Expression:
    """The expression that a text is.

    Raises:
        Mistake: where it cannot be read.
    """
    return _Parser(text, 0, len(text)).whole()


def _short(match: re.Match[str]) -> Expression:
    node: Expression = Name(match[1], 1, match.end(1))
    position = match.end(1)
    for part in match[2].split(".")[1:]:
        start, position = position, position + 1 + len(part)
        if part.isdigit():
            number = Literal(int(part), start + 1, position)
            node = Index(node, number, 0, position)
        else:
            node = Attribute(part, start + 1, position, node)
    return node


def _closing(text: str, start: int) -> int:
    """The position of the bracket that closes the one at `start`."""
    depth, position = 0, start
    while position < len(text):
        character = text[position]
        if character in "'\"":
            end = position + 1
            while end < len(text) and text[end] != character:
                end += 2 if text[end] == "\\" else 1
            position = end
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    message = "this `$(` is not closed in the same value"
    helps = ("quote the value: YAML ends it at a comma or a bracket otherwise",)
    raise Mistake(DOLLAR, message, start - 1, len(text), helps)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class _Parser:
    """A precedence-climbing parser over text[start:end]."""

    def __init__(self, text: str, start: int, end: int) -> None:
        if end - start > LENGTH_BOUND:
            message = f"an expression has at most {LENGTH_BOUND} characters"
            raise Mistake(SYNTAX, message, start, end)
        self._tokens = _tokens(text, start, end)
        self._position = 0
        self._depth = 0

    def whole(self) -> Expression:
        expression = self._expression()
        if self._next.kind != "end":
            self._fail(f"`{self._next.text}` was not expected here")
        return expression

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._next
        self._position += token.kind != "end"
        return token

    def _expect(self, text: str) -> _Token:
        if self._next.text != text or self._next.kind == "string":
            found = f"found `{self._next.text}`" if self._next.kind != "end" else "found the end"
            self._fail(f"`{text}` was expected here, {found}")
        return self._take()

    def _fail(self, message: str, helps: tuple[str, ...] = ()) -> NoReturn:
        raise Mistake(SYNTAX, message, self._next.start, self._next.end, helps)

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > DEPTH_BOUND:
            self._fail(f"an expression nests at most {DEPTH_BOUND} deep")
        then = self._binary(1)
        if self._next.text == "if" and self._next.kind == "name":
            self._take()
            condition = self._binary(1)
            self._expect("else")
            otherwise = self._expression()
            then = Choice(condition, then, otherwise, then.start, otherwise.end)
        self._depth -= 1
        return then

    def _operator(self) -> str:
        token = self._next
        if token.kind == "name" and token.text == "not":
            after = self._tokens[min(self._position + 1, len(self._tokens) - 1)]
            return "not in" if after.text == "in" else ""
        if token.kind == "operator" or (token.kind == "name" and token.text in _RESERVED):
            return token.text
        return ""

    def _binary(self, least: int) -> Expression:
        left = self._unary()
        while True:
            operator = self._operator()
            precedence = _PRECEDENCE.get(operator, 0)
            if precedence < least:
                return left
            self._position += 2 if operator == "not in" else 1
            right = self._binary(precedence if operator == "**" else precedence + 1)
            left = Binary(operator, left, right, left.start, right.end)
            if precedence == _COMPARISON and _PRECEDENCE.get(self._operator()) == _COMPARISON:
                self._fail("comparisons are not chained", ("join two comparisons with `and`",))

    def _unary(self) -> Expression:
        token = self._next
        if token.text in ("-", "+") and token.kind == "operator":
            self._take()
            operand = self._nested(7)
            return Unary(token.text, operand, token.start, operand.end)
        if token.text == "not" and token.kind == "name":
            self._take()
            operand = self._nested(3)
            return Unary("not", operand, token.start, operand.end)
        return self._postfix(self._atom())

    def _nested(self, precedence: int) -> Expression:
        self._depth += 1
        if self._depth > DEPTH_BOUND:
            self._fail(f"an expression nests at most {DEPTH_BOUND} deep")
        operand = self._binary(precedence)
        self._depth -= 1
        return operand

    def _postfix(self, node: Expression) -> Expression:
        while self._next.text in ("[", ".") and self._next.kind == "operator":
            if self._take().text == "[":
                index = self._expression()
                if self._next.text == ":":
                    self._fail("there are no slices")
                node = Index(node, index, node.start, self._expect("]").end)
            else:
                if self._next.kind != "name":
                    self._fail("a property of `input` was expected after `.`")
                name = self._take()
                node = Attribute(name.text, name.start, name.end, node)
        return node

    def _atom(self) -> Expression:
        token = self._take()
        if token.kind == "number":
            is_int = token.text.isdigit()
            return Literal(int(token.text) if is_int else float(token.text), token.start, token.end)
        if token.kind == "string":
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            return Literal(text, token.start, token.end)
        if token.kind == "name" and token.text not in _RESERVED:
            return self._name(token)
        if token.text == "(":
            inner = self._expression()
            self._expect(")")
            return inner
        if token.text == "[":
            items = self._items("]")
            return ListOf(items, token.start, self._expect("]").end)
        self._position -= token.kind != "end"
        found = f"`{token.text}`" if token.kind != "end" else "the end"
        return self._fail(f"a value was expected here, found {found}")

    def _name(self, token: _Token) -> Expression:
        if self._next.text == "(":
            return self._call(token)
        if token.text in ("true", "false"):
            return Literal(token.text == "true", token.start, token.end)
        return Name(token.text, token.start, token.end)

    def _items(self, closing: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while self._next.text != closing and self._next.kind != "end":
            items.append(self._expression())
            if self._next.text != ",":
                break
            self._take()
        return tuple(items)

    def _call(self, token: _Token) -> Expression:
        self._expect("(")
        arguments: list[Expression] = []
        named: list[tuple[str, Expression]] = []
        while self._next.text != ")" and self._next.kind != "end":
            after = self._tokens[self._position + 1]
            if self._next.kind == "name" and after.text == "=":
                name = self._take().text
                self._take()
                named.append((name, self._expression()))
            elif named:
                self._fail("an argument without a name stands after a named one")
            else:
                arguments.append(self._expression())
            if self._next.text != ",":
                break
            self._take()
        end = self._expect(")").end
        return Call(token.text, tuple(arguments), tuple(named), token.start, end)


def _tokens(text: str, start: int, end: int) -> list[_Token]:
    tokens: list[_Token] = []
    position = start
    while text[position:end].strip():
        match = _TOKEN.match(text, position, end)
        if match is None or match.lastgroup is None:
            at = position + len(text[position:end]) - len(text[position:end].lstrip())
            raise Mistake(SYNTAX, f"`{text[at]}` is not understood here", at, at + 1)
        kind = match.lastgroup
        tokens.append(_Token(kind, match[kind], match.start(kind), match.end(kind)))
        position = match.end()
    tokens.append(_Token("end", "", end, end))
    return tokens
