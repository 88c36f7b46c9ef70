"""A YAML text as rows of pieces: its tokens, what lies between them, and where blocks begin.

Everything but white space is in the rows, comments too, so a text can be written again from them.
The tokens are those of PyYAML's scanner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto

import yaml

BREAKS = "\n\x85\u2028\u2029"
"""What ends a line by YAML 1.1, which the scanner follows; `\\r` is gone before."""

_BREAK = re.compile(f"[{BREAKS}]")
_HEADER = re.compile(r"[|>][-+0-9]*")


class Kind(Enum):
    """What a piece is."""

    WORD = auto()
    ALIAS = auto()
    ANCHOR = auto()
    OPEN = auto()
    CLOSE = auto()
    COMMA = auto()
    COLON = auto()
    DASH = auto()
    QUESTION = auto()
    MARKER = auto()


@dataclass(slots=True)
class Piece:
    """A token that is written.

    Attributes:
        text: what it is written as; line breaks of a scalar of several lines are in it.
        space: the blanks before it on its line.
        closed: how many blocks end before it.
        opened: the columns of the blocks that begin with it.
        is_key: whether it begins a key of a block.
        value: the text that a quoted scalar means.
        body: the lines of a block scalar, without their indent.
        step: the indent that the header of a block scalar gives, 0 where it gives none.
        column: where it stands, once that is settled.
        body_column: where the lines of its body begin.
        bracket: the brackets around it, counted, and where rows in the innermost begin.
    """

    kind: Kind
    text: str
    space: int
    closed: int = 0
    opened: tuple[int, ...] = ()
    is_key: bool = False
    value: str | None = None
    body: tuple[str, ...] | None = None
    step: int = 0
    column: int = 0
    body_column: int = 0
    bracket: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Row:
    """A line of pieces with the comment behind them; without pieces, a comment or a blank line.

    Attributes:
        start: the column where it begins.
        comment: the comment, `#` and all.
        comment_column: where that begins.
        comment_space: the blanks before it.
        indent: where the row will begin, once that is settled.
        group: what the row is a row of: a block, or a collection in brackets.
    """

    start: int = 0
    pieces: list[Piece] = field(default_factory=list)
    comment: str = ""
    comment_column: int = 0
    comment_space: int = 0
    indent: int = 0
    group: int = 0

    @property
    def is_blank(self) -> bool:
        """Whether nothing is on it."""
        return not self.pieces and not self.comment


def rows_of(text: str) -> list[Row]:
    """The rows of a text that is YAML."""
    return _Rows(text).read()


_KINDS: dict[type[yaml.Token], Kind] = {
    yaml.ScalarToken: Kind.WORD,
    yaml.AliasToken: Kind.ALIAS,
    yaml.AnchorToken: Kind.ANCHOR,
    yaml.TagToken: Kind.ANCHOR,
    yaml.FlowSequenceStartToken: Kind.OPEN,
    yaml.FlowMappingStartToken: Kind.OPEN,
    yaml.FlowSequenceEndToken: Kind.CLOSE,
    yaml.FlowMappingEndToken: Kind.CLOSE,
    yaml.FlowEntryToken: Kind.COMMA,
    yaml.ValueToken: Kind.COLON,
    yaml.BlockEntryToken: Kind.DASH,
    yaml.KeyToken: Kind.QUESTION,
    yaml.DirectiveToken: Kind.MARKER,
    yaml.DocumentStartToken: Kind.MARKER,
    yaml.DocumentEndToken: Kind.MARKER,
}


class _Block(Enum):
    """An open block; dashes at the column of their key have no tokens for begin and end."""

    MAPPING = auto()
    LIST = auto()
    DASHES = auto()


class _Rows:
    def __init__(self, text: str) -> None:
        self._text = text
        self._rows = [Row()]
        self._end = 0
        self._brackets = 0
        self._blocks: list[tuple[_Block, int]] = []
        self._closed = 0
        self._opened: list[int] = []
        self._is_key = False

    def read(self) -> list[Row]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for token in yaml.scan(self._text, Loader=loader):
            if not self._brackets:
                self._structure(token)
            kind = _KINDS.get(type(token))
            if kind is not None and token.end_mark.index > token.start_mark.index:
                self._piece(kind, token)
                self._is_key = False
            elif isinstance(token, yaml.KeyToken):
                self._is_key = True  # one without `?` has no text
        self._between(self._text[self._end :])
        return self._rows

    def _structure(self, token: yaml.Token) -> None:
        top = self._blocks[-1][0] if self._blocks else None
        column = token.start_mark.column
        if isinstance(token, yaml.BlockMappingStartToken):
            self._open(_Block.MAPPING, column)
        elif isinstance(token, yaml.BlockSequenceStartToken):
            self._open(_Block.LIST, column)
        elif isinstance(token, yaml.BlockEntryToken) and top in (None, _Block.MAPPING):
            self._open(_Block.DASHES, column)
        elif isinstance(token, yaml.BlockEndToken):
            self._close(2 if top is _Block.DASHES else 1)
        elif isinstance(token, yaml.KeyToken | yaml.ValueToken) and top is _Block.DASHES:
            self._close(1)

    def _open(self, block: _Block, column: int) -> None:
        self._blocks.append((block, column))
        self._opened.append(column)

    def _close(self, count: int) -> None:
        del self._blocks[-count:]
        self._closed += count

    def _piece(self, kind: Kind, token: yaml.Token) -> None:
        start, end = token.start_mark.index, token.end_mark.index
        space = self._between(self._text[self._end : start])
        row = self._rows[-1]
        if not row.pieces:
            row.start = space
        piece = Piece(kind, self._text[start:end].rstrip(), space)
        piece.closed, piece.opened = self._closed, tuple(self._opened)
        piece.is_key = self._is_key and not self._brackets
        self._closed, self._opened = 0, []
        self._end = start + len(piece.text)
        self._brackets += (kind is Kind.OPEN) - (kind is Kind.CLOSE)
        row.pieces.append(piece)
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            self._body(piece, token)
        elif isinstance(token, yaml.ScalarToken) and token.style in ("'", '"'):
            piece.value = token.value

    def _body(self, piece: Piece, token: yaml.Token) -> None:
        """Takes the lines of a block scalar, which begin below its header."""
        header = _HEADER.match(self._text, token.start_mark.index)
        assert header is not None
        piece.text, self._end = header.group(), header.end()
        digit = next((c for c in piece.text if c.isdigit()), "")
        piece.step = int(digit or 0)
        line_end = self._text.find("\n", self._end)
        comment = self._text[self._end : line_end if line_end >= 0 else None]
        if comment.strip():
            self._comment(comment)
        behind = self._text.find("\n", token.end_mark.index)
        rest = self._text[line_end + 1 : behind + 1 if behind >= 0 else None]
        lines = rest.split("\n") if line_end >= 0 else []
        parent = next((c for b, c in reversed(self._blocks) if b is not _Block.DASHES), -1)
        indent = max(parent, 0) + piece.step if digit else _indent_of(lines, parent + 1)
        if lines and not lines[-1]:
            lines.pop()  # what ends with a line break has no line behind it
        count = _count(lines, indent)
        if "+" not in piece.text:
            while count and not lines[count - 1].strip(" ") and len(lines[count - 1]) <= indent:
                count -= 1
        piece.body = tuple(line[indent:] for line in lines[:count])
        size = sum(len(line) + 1 for line in lines[:count])
        self._end = min(line_end + size, len(self._text)) if line_end >= 0 else len(self._text)

    def _between(self, gap: str) -> int:
        """Takes the comments and line breaks of a gap; gives the blanks before the next piece."""
        first, *lines = _BREAK.split(gap)
        if "#" in first:
            self._comment(first)
        for line in lines:
            self._rows.append(Row())
            if "#" in line:
                self._comment(line)
        return len(lines[-1] if lines else first)

    def _comment(self, line: str) -> None:
        row = self._rows[-1]
        row.comment = line.strip()
        row.comment_space = before = line.index("#")
        row.comment_column = before + (_end_column(row) if row.pieces else 0)
        if not row.pieces:
            row.start = before


def _end_column(row: Row) -> int:
    """The column behind a row's last piece, as it was written."""
    column = 0
    for piece in row.pieces:
        *above, last = piece.text.split("\n")
        column = len(last) if above else column + piece.space + len(last)
    return column


def _indent_of(lines: list[str], least: int) -> int:
    """The indent of a block scalar that does not say it: that of its first line with text."""
    indent = max(least, 1)
    for line in lines:
        blanks = len(line) - len(line.lstrip(" "))
        indent = max(indent, blanks)
        if blanks < len(line):
            break
    return indent


def _count(lines: list[str], indent: int) -> int:
    """How many lines belong to a block scalar of this indent."""
    for count, line in enumerate(lines):
        if line.strip(" ") and len(line) - len(line.lstrip(" ")) < indent:
            return count
    return len(lines)
