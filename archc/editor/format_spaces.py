"""The blanks between the pieces of a row: one or none, but where columns are aligned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

from archc.editor.format_rows import Kind, Piece, Row

COMMENT_SPACE = 2
"""The blanks that a comment has before it at least, behind something."""

_BEHIND_WHICH_COLUMNS_BEGIN = (Kind.COMMA, Kind.COLON, Kind.OPEN)
_Edge: TypeAlias = tuple[str, int, int]
"""Where a piece begins or ends: which of both, its number, and the column."""

_NAMES = (Kind.ALIAS, Kind.ANCHOR)


def space_out(rows: list[Row]) -> None:
    """Sets the blanks that can be only one number; more than needed stay where columns begin."""
    for _, before, piece in (pair for row in rows for pair in _pairs(row)):
        least = _least(before, piece)
        may_align = before.kind in _BEHIND_WHICH_COLUMNS_BEGIN and piece.kind is not Kind.CLOSE
        may_align = may_align and piece.kind not in (Kind.COMMA, Kind.COLON)
        piece.space = max(least, piece.space) if may_align else least


def drop_unaligned(rows: list[Row], *, keeps_aligned: bool = True) -> None:
    """Takes away blanks that align nothing with another row of the same block, or the next one.

    Aligned are pieces that begin or end at one column and are the same elements of their rows.
    """
    written = [row for row in rows if row.pieces]
    edges = [
        {edge for number, _, p in _pairs(row) for edge in _edges(number, p)} for row in written
    ]
    groups: dict[int, Counter[_Edge]] = {}
    for row, own in zip(written, edges, strict=True):
        groups.setdefault(row.group, Counter()).update(own)
    shared = {group: {e for e, count in own.items() if count > 1} for group, own in groups.items()}
    unaligned: list[tuple[Piece, int]] = []
    for index, row in enumerate(written):
        beside = [*edges[max(index - 1, 0) : index], *edges[index + 1 : index + 2]]
        known = (shared[row.group], *beside)
        for number, before, piece in _pairs(row):
            least = _least(before, piece)
            is_aligned = any(not k.isdisjoint(_edges(number, piece)) for k in known)
            if piece.space > least and not (keeps_aligned and is_aligned):
                unaligned.append((piece, least))
    for piece, least in unaligned:
        piece.space = least


def place_comments(rows: list[Row]) -> None:
    """Settles the columns of comments behind something; those below each other stay so."""
    run: list[Row] = []
    for row in [*rows, Row()]:
        is_behind = bool(row.pieces and row.comment)
        if run and not (is_behind and row.comment_column == run[-1].comment_column):
            _place(run)
            run = []
        if is_behind:
            run.append(row)


def end_of(row: Row) -> int:
    """The column behind the last piece of a settled row."""
    last = row.pieces[-1]
    *above, text = last.text.split("\n")
    return len(text) if above else last.column + len(text)


def _place(run: list[Row]) -> None:
    if len(run) == 1:
        run[0].comment_column = end_of(run[0]) + max(COMMENT_SPACE, run[0].comment_space)
        return
    column = max(row.comment_column + row.indent - row.start for row in run)
    column = max(column, *(end_of(row) + COMMENT_SPACE for row in run))
    for row in run:
        row.comment_column = column


def _edges(number: int, piece: Piece) -> tuple[_Edge, ...]:
    """Where a value begins, and where one that is no collection ends."""
    if piece.kind is Kind.OPEN:
        return (("begin", number, piece.column),)
    if piece.kind not in (Kind.WORD, *_NAMES) or "\n" in piece.text:
        return ()
    return ("begin", number, piece.column), ("end", number, piece.column + len(piece.text))


def _pairs(row: Row) -> Iterator[tuple[int, Piece, Piece]]:
    """The pieces of a row but the first, with their numbers, and what stands before them.

    They are counted behind the innermost bracket that opens on the row, or behind its dashes.
    """
    counts = [0]
    for before, piece in pairwise(row.pieces):
        if before.kind is Kind.OPEN:
            counts.append(0)
        elif before.kind is Kind.CLOSE and len(counts) > 1:
            counts.pop()
        counts[-1] += before.kind is not Kind.DASH
        yield counts[-1], before, piece


def _least(before: Piece, piece: Piece) -> int:
    """The blanks that must stand between two pieces."""
    if piece.kind in (Kind.COMMA, Kind.CLOSE):
        return 1 if before.kind is Kind.COLON else 0
    if piece.kind is Kind.COLON:
        return 1 if before.kind in (*_NAMES, Kind.QUESTION, Kind.COMMA) else 0
    return 0 if before.kind is Kind.OPEN else 1
