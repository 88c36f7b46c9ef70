"""Text to tree: protobuf's text format, in which Triton's `config.pbtxt` is written.

By https://protobuf.dev/reference/protobuf/textformat-spec/. Input: a text. Output: its fields, a
span on every name and value. Which fields there are, and what they take, is not known here.
"""

from __future__ import annotations

from typing import Literal

from archc.deploy.triton.text_tokens import SYNTAX, TextError, Token, tokens
from archc.deploy.triton.text_tree import Field, Item, Message, Scalar
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.shown import shown

TEXT_BOUND = 4_000_000
DEPTH_BOUND = 60

TOO_LARGE = Rule(
    "triton/config-too-large",
    "a configuration is too large",
    "A configuration takes a few kilobytes; a hostile file must end quickly.",
)
TOO_DEEP = Rule(
    "triton/config-too-deep",
    "a configuration nests too deeply",
    "No field of Triton's lies that deep; a hostile file must end quickly.",
)

_CLOSING = {"{": "}", "<": ">"}


def read_text(source: Source, reporter: Reporter) -> Message | Failed:
    """The fields of a text.

    Reports: triton/syntax, triton/config-too-large, triton/config-too-deep.
    """
    if len(source.text) > TEXT_BOUND:
        message = f"the text has {len(source.text)} characters, more than {TEXT_BOUND}"
        helps = ("keep what is no configuration in another file",)
        return reporter.error(TOO_LARGE, message, Place(Span(source, 1, 1, 1, 1)), helps=helps)
    try:
        return _Parser(source).text()
    except TextError as error:
        return reporter.error(error.rule, error.message, Place(error.span), helps=error.helps)


class _Parser:
    """Reads by recursive descent; `_next` is the token that was not taken yet."""

    def __init__(self, source: Source) -> None:
        self._tokens = tokens(source)
        self._next = next(self._tokens)
        self._depth = 0

    def text(self) -> Message:
        start = self._next.span
        fields: list[Field] = []
        while self._next.kind != "end":
            fields.append(self._field())
        return Message(tuple(fields), start)

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _takes(self, *marks: str) -> bool:
        """Whether one of the marks came, which is then taken."""
        is_there = self._next.kind == "mark" and self._next.text in marks
        if is_there:
            self._take()
        return is_there

    def _at(self, mark: str) -> bool:
        return self._next.kind == "mark" and self._next.text == mark

    def _field(self) -> Field:
        if self._next.kind != "name":
            raise self._unexpected("the name of a field")
        name = self._take()
        has_colon = self._takes(":")
        is_list = self._at("[")
        if is_list:
            items = self._list()
        elif has_colon or self._at("{") or self._at("<"):
            items = (self._item(),)
        else:
            written = shown(name.text)
            helps = (f"write `{written}: …` or `{written} {{ … }}`",)
            raise self._unexpected("`:` or `{`", helps)
        self._takes(",", ";")
        return Field(name.text, name.span, items, is_list, has_colon)

    def _list(self) -> tuple[Item, ...]:
        self._take()
        if self._takes("]"):
            return ()
        items = [self._item()]
        while self._takes(","):
            items.append(self._item())
        if not self._takes("]"):
            raise self._unexpected("`,` or `]`")
        return tuple(items)

    def _item(self) -> Item:
        if self._at("{") or self._at("<"):
            return self._message()
        if self._next.kind == "string":
            return self._string()
        if self._at("-"):
            minus = self._take()
            if self._next.kind not in {"number", "name"}:
                raise self._unexpected("a number")
            return _scalar(self._take(), minus)
        if self._next.kind in {"number", "name"}:
            return _scalar(self._take())
        raise self._unexpected("a value")

    def _string(self) -> Scalar:
        """Strings that stand beside each other are one."""
        first = last = self._take()
        parts = [first.content]
        while self._next.kind == "string":
            last = self._take()
            parts.append(last.content)
        return Scalar("string", "", b"".join(parts), _joined(first.span, last.span))

    def _message(self) -> Message:
        opening = self._take()
        closing = _CLOSING[opening.text]
        self._depth += 1
        if self._depth > DEPTH_BOUND:
            message = f"messages lie in each other more than {DEPTH_BOUND} deep"
            raise TextError(TOO_DEEP, message, opening.span, ("close what was left open",))
        fields: list[Field] = []
        while not self._at(closing):
            if self._next.kind != "name":
                line = opening.span.line
                wanted = f"the name of a field, or `{closing}` for `{opening.text}` on line {line},"
                helps = (f"write `{closing}` where what begins on line {line} ends",)
                raise self._unexpected(wanted, helps if self._next.kind == "end" else ())
            fields.append(self._field())
        self._depth -= 1
        return Message(tuple(fields), _joined(opening.span, self._take().span))

    def _unexpected(self, wanted: str, helps: tuple[str, ...] = ()) -> TextError:
        found = self._next
        what = "the text ends" if found.kind == "end" else f"`{shown(found.text)}` stands"
        return TextError(SYNTAX, f"{what} where {wanted} belongs", found.span, helps)


def _scalar(token: Token, minus: Token | None = None) -> Scalar:
    kind: Literal["number", "name"] = "number" if token.kind == "number" else "name"
    if minus is None:
        return Scalar(kind, token.text, b"", token.span)
    return Scalar(kind, f"-{token.text}", b"", _joined(minus.span, token.span))


def _joined(first: Span, last: Span) -> Span:
    return Span(first.source, first.line, first.column, last.end_line, last.end_column)
