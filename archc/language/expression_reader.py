"""Expressions read: `$(…)` and `$name` in a scalar's text, to trees.

The grammar is Python's for numbers, strings, `true`, `false`, lists, arithmetic, comparisons (not
chained), `in`, `and or not`, `a if c else b`, indexing and calls of the listed functions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, NoReturn

from archc.language.expression import (
    DOLLAR,
    SYNTAX,
    TOO_DEEP,
    TOO_LONG,
    Attribute,
    Binary,
    Call,
    Choice,
    Expression,
    Index,
    ListOf,
    Literal,
    Mistake,
    Name,
    Template,
    Unary,
    parts_of,
)
from archc.language.functions import FUNCTIONS
from archc.language.other_symbols import symbol_helps

LENGTH_BOUND = 2_000
TEXT_BOUND = 20_000
DIGITS_BOUND = 300
SHOWN_LENGTH = 60
DEPTH_BOUND = 48
"""Levels of an expression's tree, so that neither reading nor evaluating it runs out of stack."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<operator>\*\*|//|==|!=|<=|>=|[-+*/%<>()\[\],.=:]))",
    re.ASCII,
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_]+)*)\Z")
_OPERATION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\s*(?:[-+*/%<>=\[]|(?:if|and|or|in|not)\b)")
_PRECEDENCE = {
    "or": 1, "and": 2,
    "in": 4, "not in": 4, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "**": 8,
}  # fmt: skip
_COMPARISON = 4
_RESERVED = {"and", "or", "not", "in", "if", "else"}
_QUOTE_HELP = "quote the value if YAML cut it short, and write `$$` for a dollar sign"


@lru_cache(maxsize=4_096)
def read_template(text: str) -> Template | Mistake:
    """The expressions of a text with `$`, or the mistake in it."""
    try:
        return _template(text)
    except Mistake as mistake:
        return mistake.with_traceback(None)


def _template(text: str) -> Template:
    if len(text) > TEXT_BOUND:
        message = f"a text with expressions has at most {TEXT_BOUND} characters"
        raise Mistake(TOO_LONG, message, 0, len(text))
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
            raise _stray(text, position)
    if literal or not parts:
        parts.append(literal)
    return tuple(parts)


def _stray(text: str, position: int) -> Mistake:
    """What to say of a `$` that begins no expression."""
    message = "this `$` is neither `$name` as the whole value nor `$(…)`"
    after = text[position + 1 :]
    name = _WORD.match(after)
    helps: tuple[str, ...] = (_QUOTE_HELP,)
    is_shown = name is not None and text.count("$") == 1 and len(text) <= SHOWN_LENGTH
    if is_shown and position == 0 and _OPERATION.match(after):
        helps = (f"write the whole expression in parentheses: `$({after})`", _QUOTE_HELP)
    elif is_shown and name is not None:
        inside = f"{text[:position]}$({name.group()}){after[name.end() :]}"
        helps = (f"for a value within a text write `{inside}`", _QUOTE_HELP)
    elif after.startswith("{"):
        helps = ("write parentheses, not braces: `$(…)`", _QUOTE_HELP)
    return Mistake(DOLLAR, message, position, position + 1, helps)


def is_open(text: str) -> bool:
    """Whether a text holds a `$(` that is not closed in it."""
    start = text.find("$(")
    while start >= 0:
        end = _closing_position(text, start + 1)
        if end is None:
            return True
        start = text.find("$(", end)
    return False


def _short(match: re.Match[str]) -> Expression:
    node: Expression = Name(match[1], 1, match.end(1))
    position = match.end(1)
    parts = match[2].split(".")[1:]
    if len(parts) >= DEPTH_BOUND or len(max(parts, default="", key=len)) > DIGITS_BOUND:
        raise Mistake(TOO_LONG, "this name of an element is too long", 0, match.end())
    for part in parts:
        start, position = position, position + 1 + len(part)
        if part.isdigit():
            number = Literal(int(part), start + 1, position)
            node = Index(node, number, 0, position)
        else:
            node = Attribute(part, start + 1, position, node)
    return node


def _closing(text: str, start: int) -> int:
    """The position of the bracket that closes the one at `start`."""
    end = _closing_position(text, start)
    if end is None:
        message = "this `$(` is not closed in the same value"
        helps = ("close it, or quote the value: YAML ends it at a comma, a bracket or ` #`",)
        raise Mistake(DOLLAR, message, start - 1, len(text), helps)
    return end


def _closing_position(text: str, start: int) -> int | None:
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
    return None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _Parser:
    """A precedence-climbing parser over text[start:end]."""

    def __init__(self, text: str, start: int, end: int) -> None:
        if end - start > LENGTH_BOUND:
            message = f"an expression has at most {LENGTH_BOUND} characters"
            raise Mistake(TOO_LONG, message, start, end, ("name its parts with `let`",))
        self._tokens = _tokens(text, start, end)
        self._position = 0
        self._depth = 0

    def whole(self) -> Expression:
        expression = self._expression()
        if self._next.kind != "end":
            self._fail_unexpected()
        if _is_too_deep(expression):
            self._fail_deep()
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
            helps: tuple[str, ...] = ()
            if text == "]" and self._next.text == "for":
                helps = ("there are no comprehensions; a loop over layers is a `for` item",)
            self._fail(f"`{text}` was expected here, {found}", helps)
        return self._take()

    def _fail(self, message: str, helps: tuple[str, ...] = ()) -> NoReturn:
        raise Mistake(SYNTAX, message, self._next.start, self._next.end, helps)

    def _fail_unexpected(self) -> NoReturn:
        found = self._next.text
        helps: tuple[str, ...] = ()
        if self._next.kind == "number" and found[1:].isdigit() and found[0] == ".":
            helps = (f"within an expression an element is written `[{found[1:]}]`",)
        elif found == "=":
            helps = ("`==` compares",)
        elif found == "(" and self._called() in FUNCTIONS:
            helps = (f"a function is called by its name alone: `{self._called()}(…)`",)
        self._fail(f"`{found}` was not expected here", helps)

    def _called(self) -> str:
        """The last part of a dotted name before the next token; empty where there is none."""
        before = self._tokens[max(self._position - 2, 0) : self._position]
        is_part = [token.text for token in before[:1]] == ["."]
        return before[1].text if is_part and len(before) > 1 else ""

    def _fail_deep(self) -> NoReturn:
        message = f"an expression nests at most {DEPTH_BOUND} levels deep"
        helps = ("name its parts with `let`",)
        raise Mistake(TOO_DEEP, message, self._next.start, self._next.end, helps)

    def _expression(self) -> Expression:
        then = self._binary(1)
        if self._next.text == "if" and self._next.kind == "name":
            self._take()
            condition = self._binary(1)
            self._expect("else")
            otherwise = self._deeper(0)
            then = Choice(condition, then, otherwise, then.start, otherwise.end)
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
            right = self._deeper(precedence if operator == "**" else precedence + 1)
            left = Binary(operator, left, right, left.start, right.end)
            if precedence == _COMPARISON and _PRECEDENCE.get(self._operator()) == _COMPARISON:
                self._fail("comparisons are not chained", ("join two comparisons with `and`",))

    def _unary(self) -> Expression:
        token = self._next
        if token.text in ("-", "+") and token.kind == "operator":
            self._take()
            operand = self._deeper(7)
            return Unary(token.text, operand, token.start, operand.end)
        if token.text == "not" and token.kind == "name":
            self._take()
            operand = self._deeper(3)
            return Unary("not", operand, token.start, operand.end)
        return self._postfix(self._atom())

    def _deeper(self, precedence: int) -> Expression:
        """An operand of at least this precedence, or a whole expression for 0, one level down."""
        self._depth += 1
        if self._depth > DEPTH_BOUND:
            self._fail_deep()
        operand = self._binary(precedence) if precedence else self._expression()
        self._depth -= 1
        return operand

    def _postfix(self, node: Expression) -> Expression:
        while self._next.text in ("[", ".") and self._next.kind == "operator":
            if self._take().text == "[":
                index = self._deeper(0)
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
            return _number(token)
        if token.kind == "string":
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            return Literal(text, token.start, token.end)
        if token.kind == "name" and token.text not in _RESERVED:
            return self._name(token)
        if token.text == "(":
            inner = self._deeper(0)
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
            items.append(self._deeper(0))
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
                if any(self._next.text == name for name, _ in named):
                    self._fail(f"the argument `{self._next.text}` is given twice")
                name = self._take().text
                self._take()
                named.append((name, self._deeper(0)))
            elif named:
                self._fail("an argument without a name stands after a named one")
            else:
                arguments.append(self._deeper(0))
            if self._next.text != ",":
                break
            self._take()
        end = self._expect(")").end
        return Call(token.text, tuple(arguments), tuple(named), token.start, end)


def _number(token: _Token) -> Literal:
    if not token.text.isdigit():
        return Literal(float(token.text), token.start, token.end)
    if len(token.text) > DIGITS_BOUND:
        message = f"a number has at most {DIGITS_BOUND} digits"
        raise Mistake(TOO_LONG, message, token.start, token.end)
    return Literal(int(token.text), token.start, token.end)


def _is_too_deep(expression: Expression) -> bool:
    """Whether a tree has too many levels; a chain such as 1 + 1 + 1 is one level a link."""
    level, depth = [expression], 0
    while level:
        depth += 1
        if depth > DEPTH_BOUND:
            return True
        level = [part for node in level for part in parts_of(node)]
    return False


def _tokens(text: str, start: int, end: int) -> list[_Token]:
    tokens: list[_Token] = []
    position = start
    while match := _TOKEN.match(text, position, end):
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind), match.end(kind)))
        position = match.end()
    rest = text[position:end]
    if rest.strip():
        at = end - len(rest.lstrip())
        is_quote = text[at] in "'\""
        one_kind = "write a string in quotes of one kind"
        helps = (one_kind,) if is_quote else symbol_helps(text[at])
        raise Mistake(SYNTAX, f"`{text[at]}` is not understood here", at, at + 1, helps)
    tokens.append(_Token("end", "", end, end))
    return tokens
