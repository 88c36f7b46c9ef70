"""Characters to tokens: the lexical part of protobuf's text format, a span on each token.

By https://protobuf.dev/reference/protobuf/textformat-spec/#lexical. Numbers stay text, since it
depends on the field which of them are right.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Source, Span

SYNTAX = Rule(
    "triton/syntax",
    "a configuration is not in protobuf's text format",
    "Triton reads nothing of a `config.pbtxt` with a mistake in it, and does not load the model.",
)

TokenKind: TypeAlias = Literal["name", "number", "string", "mark", "end"]

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for `Source`."""

_TOKEN = re.compile(
    r"""
    (?P<space> [ \t\r\n\f\v]+ | \#[^\n]* )
  | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<number> \.?[0-9] (?: [0-9A-Za-z_.] | (?<=[eE])[+-] )* )
  | (?P<string> "(?: [^"\\\n] | \\[^\n] )*" | '(?: [^'\\\n] | \\[^\n] )*' )
  | (?P<mark> [{}<>\[\]:;,.\-/] )
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_SIMPLE = dict(zip(b"abfnrtv?\\'\"", b"\a\b\f\n\r\t\v?\\'\"", strict=True))
_SURROGATES = range(0xD800, 0xE000)


class TextError(Exception):
    """Reading cannot go on; caught where reading began, and reported there."""

    def __init__(self, rule: Rule, message: str, span: Span, helps: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.rule, self.message, self.span, self.helps = rule, message, span, helps


class Token(NamedTuple):
    """A word of the text, with what a string stands for."""

    kind: TokenKind
    text: str
    span: Span
    content: bytes = b""


class Lines:
    """Places by offsets into a source's text."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(source.text))]

    def span(self, start: int, end: int) -> Span:
        """The span of the characters from `start` up to `end`."""
        return Span(self._source, *self._position(start), *self._position(end))

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def tokens(source: Source) -> Iterator[Token]:
    """The tokens of a source, spaces and comments left out; one of the kind `end` is the last.

    Raises:
        TextError: a character or a string that the format does not know.
    """
    text, lines = source.text, Lines(source)
    position = 1 if text.startswith("\ufeff") else 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _unreadable(text, position, lines)
        start, position = position, found.end()
        match found.lastgroup:
            case "name" | "number" | "mark" as kind:
                yield Token(kind, found[0], lines.span(start, position))
            case "string":
                span = lines.span(start, position)
                yield Token("string", found[0], span, _unescaped(found[0][1:-1], span))
            case _:
                pass  # spaces and comments
    # What is missing at the end is shown at the last character that there is.
    end = len(text.rstrip())
    yield Token("end", "", lines.span(max(end - 1, 0), end))


def _unreadable(text: str, position: int, lines: Lines) -> TextError:
    if text[position] in "\"'":
        end = text.find("\n", position)
        span = lines.span(position, len(text) if end < 0 else end)
        return TextError(
            SYNTAX, "a string does not end on its line", span, ("close it with the same quote",)
        )
    span = lines.span(position, position + 1)
    helps = ("comments begin with `#`",) if text[position] in "/*%" else ()
    return TextError(SYNTAX, f"`{text[position]}` stands outside of a string", span, helps)


def _unescaped(text: str, span: Span) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    if b"\\" not in content:
        return content
    try:
        return _ESCAPE.sub(_character, content)
    except ValueError as error:
        helps = ("write `\\\\` for a backslash",)
        raise TextError(SYNTAX, str(error), span, helps) from error


def _character(found: re.Match[bytes]) -> bytes:
    octal, hexadecimal, short, long, other = found.groups()
    if octal is not None or hexadecimal is not None:
        code = int(octal, 8) if octal is not None else int(hexadecimal, 16)
        if code > 0xFF:
            raise ValueError(f"`\\{octal.decode()}` is no byte")
        return bytes([code])
    if short is not None or long is not None:
        code = int(short or long, 16)
        if code > 0x10FFFF or code in _SURROGATES:
            raise ValueError(f"`{found[0].decode()}` is no character")
        return chr(code).encode()
    if other[0] not in _SIMPLE:
        raise ValueError(f"`\\{other.decode(errors='replace')}` is no escape")
    return bytes([_SIMPLE[other[0]]])
