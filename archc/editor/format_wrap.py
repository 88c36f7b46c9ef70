"""Rows that are too long, broken behind commas in brackets, the outermost first."""

from __future__ import annotations

from archc.editor.format_rows import Kind, Row
from archc.editor.format_spaces import end_of

LINE = 120
"""The columns of a row. A row of a table stays one row where a screen shows it."""


def broken(rows: list[Row]) -> list[Row]:
    """The rows, settled, those that are too long broken where that is possible."""
    return [part for row in rows for part in _parts(row)]


def _parts(row: Row) -> list[Row]:
    if not row.pieces or end_of(row) <= LINE or any("\n" in piece.text for piece in row.pieces):
        return [row]
    commas = [i for i, p in enumerate(row.pieces[:-1]) if p.kind is Kind.COMMA]
    if not commas:
        return [row]
    fitting = [i for i in commas if row.pieces[i].column < LINE] or commas[:1]
    bracket = min(row.pieces[i].bracket for i in fitting)
    content = bracket[1]
    parts, start, shift = [], 0, 0
    last: int | None = None
    for comma in (i for i in commas if row.pieces[i].bracket == bracket):
        if last is not None and row.pieces[comma].column - shift >= LINE:
            parts.append(_part(row, start, last + 1))
            start, shift = last + 1, row.pieces[last + 1].column - content
        last = comma
    if last is not None and end_of(row) - shift > LINE:
        parts.append(_part(row, start, last + 1))
        start = last + 1
    rest = _part(row, start, len(row.pieces))
    rest.comment, rest.comment_column = row.comment, row.comment_column
    rest.comment_space = row.comment_space
    return [*parts, rest]


def _part(row: Row, start: int, end: int) -> Row:
    return Row(row.start, row.pieces[start:end])
