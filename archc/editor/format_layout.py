"""Where rows begin and pieces stand: two blanks a level, dashes below their key, brackets kept.

A row in brackets begins behind the innermost open one, or, where that ends its row, two blanks
further in than that row's block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from archc.editor.format_rows import Kind, Piece, Row

STEP = 2


class _Block(NamedTuple):
    """An open block: the columns of its entries in the text as it was, and as it will be."""

    was: int
    column: int
    group: int


@dataclass(slots=True)
class _Bracket:
    """An open bracket: where its rows begin, where it closes on a row of its own."""

    content: int
    close: int
    group: int


class Layout:
    """Settles the rows of one text, from the first to the last."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._brackets: list[_Bracket] = []
        self._groups = 0

    def settle(self, rows: list[Row]) -> None:
        """Gives each row its indent, and each piece its column."""
        waiting: list[Row] = []
        for row in rows:
            if not row.pieces:
                waiting.append(row)
                continue
            blocks = list(self._blocks)
            content = self._brackets[-1].content if self._brackets else None
            self._row(row)
            for comment in waiting:
                comment.indent = _comment_indent(comment.start, blocks, row, content)
            waiting = []
        for comment in waiting:
            comment.indent = _comment_indent(comment.start, self._blocks, None, None)

    def _row(self, row: Row) -> None:
        first = row.pieces[0]
        self._close_blocks(first)
        row.indent = self._indent(first)
        self._open_blocks(first, row.indent)
        row.group = self._group()
        is_inside = bool(self._brackets)
        column = row.indent
        for index, piece in enumerate(row.pieces):
            if index:
                column += piece.space
                self._close_blocks(piece)
                self._open_blocks(piece, column)
            piece.column = column
            if self._brackets:
                piece.bracket = (len(self._brackets), self._brackets[-1].content)
            column = self._behind(piece)
            if piece.kind is Kind.OPEN:
                is_last = index == len(row.pieces) - 1
                self._open_bracket(piece, row.indent if is_last else None, is_inside=is_inside)
            elif piece.kind is Kind.CLOSE:
                self._brackets.pop()

    def _group(self) -> int:
        if self._brackets:
            return self._brackets[-1].group
        return self._blocks[-1].group if self._blocks else 0

    def _base(self) -> int:
        return self._blocks[-1].column if self._blocks else 0

    def _indent(self, first: Piece) -> int:
        if self._brackets:
            bracket = self._brackets[-1]
            return bracket.close if first.kind is Kind.CLOSE else bracket.content
        if first.kind is Kind.MARKER or not self._blocks:
            return 0
        is_entry = first.is_key or first.kind in (Kind.DASH, Kind.QUESTION, Kind.COLON)
        return self._base() + (0 if is_entry and not first.opened else STEP)

    def _close_blocks(self, piece: Piece) -> None:
        if piece.closed:
            del self._blocks[-piece.closed :]

    def _open_blocks(self, piece: Piece, column: int) -> None:
        for was in piece.opened:
            self._groups += 1
            self._blocks.append(_Block(was, column, self._groups))

    def _open_bracket(self, piece: Piece, hanging: int | None, *, is_inside: bool) -> None:
        """Opens a bracket; one that ends its row, whose indent is given, hangs its content."""
        self._groups += 1
        content, close = piece.column + 1, piece.column
        if hanging is not None:
            close = hanging if is_inside else max(hanging, self._base())
            content = close + STEP
        self._brackets.append(_Bracket(content, close, self._groups))

    def _behind(self, piece: Piece) -> int:
        """The column behind a piece, whose further lines are indented here."""
        if piece.body is not None:
            piece.body_column = self._base() + (piece.step or STEP)
        if "\n" not in piece.text:
            return piece.column + len(piece.text)
        indent = self._base() + (STEP if self._blocks else 0)
        indent = self._brackets[-1].content if self._brackets else indent
        piece.text = _continued(piece.text, indent)
        return len(piece.text) - piece.text.rindex("\n") - 1


def _comment_indent(start: int, blocks: list[_Block], below: Row | None, inside: int | None) -> int:
    """Where a comment on a row of its own begins: where the block does that it stood in."""
    if inside is not None:
        return inside
    levels = [(block.was, block.column) for block in blocks]
    if below is not None:
        levels.append((below.start, below.indent))
    fitting = [level for level in levels if level[0] <= start]
    if not fitting:
        return levels[-1][1] if levels else 0
    # Of several that began at one column, the last is nearest to the row below.
    return max(reversed(fitting), key=lambda level: level[0])[1]


def _continued(text: str, indent: int) -> str:
    """A scalar of several lines with its further ones indented."""
    lines = text.split("\n")
    stripped = [lines[0], *(line.lstrip(" \t") for line in lines[1:])]
    ended = [*(_without_end(line, text[0]) for line in stripped[:-1]), stripped[-1]]
    return "\n".join([ended[0], *(" " * indent + line if line else "" for line in ended[1:])])


def _without_end(line: str, quote: str) -> str:
    """A line without the blanks at its end, but one that a backslash makes part of the text."""
    bare = line.rstrip(" \t")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    is_escaped = quote == '"' and backslashes % 2 == 1 and len(bare) < len(line)
    return line[: len(bare) + 1] if is_escaped else bare
