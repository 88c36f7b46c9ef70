"""The canonical form of a spec's text: `format_text`, text in and text out.

Two blanks a level, dashes within their key, one blank behind `:` and `,`, none at the edges of
brackets, no quotes around plain words, no blanks at the end of a line, no two blank lines, rows of
at most 120 columns where commas in brackets allow it. What the author decided stays: comments,
order, where a collection in brackets is broken, and columns that are aligned. The meaning stays
too: the result is parsed and compared before it is given.
"""

from __future__ import annotations

import re

from archc.diagnostics.errors import InternalError
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.editor.format_layout import Layout
from archc.editor.format_rows import Row, rows_of
from archc.editor.format_spaces import drop_unaligned, end_of, place_comments, space_out
from archc.editor.format_wrap import broken
from archc.language.expression_reader import is_open
from archc.language.tree import Mapping, Scalar, Tree
from archc.stages.parse import parse, resolve

PASSES = 10
"""Passes until nothing changes: blanks that are dropped may have aligned further ones."""

_PLAIN = re.compile(
    r"[A-Za-z_][\w./-]*( [\w.()/-]+)*"  # words, which begin with a letter
    r"|\$[A-Za-z_]\w*(\.\w+)*"  # a parameter
    r"|\$\([\w.+*/%<>=!()-]+( [\w.+*/%<>=!()-]+)*\)",  # an expression without commas and brackets
    re.ASCII,
)
_YAML_1_1 = re.compile(r"(?:y|n|yes|no|on|off)\Z", re.IGNORECASE)
"""Words that are no texts by YAML 1.1: quotes keep other tools from misreading them."""


def format_text(source: Source, reporter: Reporter) -> str | Failed:
    """A text in canonical form; one that is canonical comes back as it is.

    Reports: what parsing reports.

    Raises:
        InternalError: the result would mean something else, which is our bug.
    """
    tree = parse(source, reporter)
    if isinstance(tree, Failed):
        return FAILED
    text = source.text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    given = text
    for _ in range(PASSES):
        before, text = text, _formatted(text)
        if text == before:
            break
    else:
        text = _formatted(text, keeps_aligned=False)
    if text == given:
        return text
    again = parse(Source(source.name, text), Reporter())
    if isinstance(again, Failed) or not _is_same(tree, again):
        raise InternalError("formatting would change what the spec means")
    if _comments(rows_of(text)) != _comments(rows_of(given)):
        raise InternalError("formatting would change a comment")
    return text


def _formatted(text: str, *, keeps_aligned: bool = True) -> str:
    rows = _squeezed(rows_of(text))
    _unquote(rows)
    _end_body(rows, text)
    space_out(rows)
    Layout().settle(rows)
    drop_unaligned(rows, keeps_aligned=keeps_aligned)
    Layout().settle(rows)
    while len(parts := broken(rows)) > len(rows):
        rows = parts
        Layout().settle(rows)
    place_comments(rows)
    return "".join(f"{line}\n" for row in rows for line in _lines(row))


def _squeezed(rows: list[Row]) -> list[Row]:
    """The rows with blank ones alone and between others."""
    kept: list[Row] = []
    for row in rows:
        if not row.is_blank or (kept and not kept[-1].is_blank):
            kept.append(row)
    while kept and kept[-1].is_blank:
        kept.pop()
    return kept


def _unquote(rows: list[Row]) -> None:
    for row in rows:
        for piece in row.pieces:
            text = piece.value
            if text is not None and "\n" not in piece.text and _is_plain(text):
                piece.text = text


def _is_plain(text: str) -> bool:
    """Whether a text means the same without quotes, in brackets or not."""
    if not _PLAIN.fullmatch(text) or _YAML_1_1.match(text) or is_open(text):
        return False
    return resolve(text) == text


def _end_body(rows: list[Row], text: str) -> None:
    """Keeps a block scalar at the end of a text without a last line break from getting one."""
    last = rows[-1].pieces[-1] if rows and rows[-1].pieces else None
    if last is not None and last.body is not None and not text.endswith("\n"):
        last.text = last.text.replace("+", "").replace("-", "") + "-"


def _lines(row: Row) -> list[str]:
    if not row.pieces:
        return [" " * row.indent + row.comment if row.comment else ""]
    line = " " * row.indent
    for index, piece in enumerate(row.pieces):
        line += (" " * piece.space if index else "") + piece.text
    if row.comment:
        line += " " * (row.comment_column - end_of(row)) + row.comment
    body = row.pieces[-1].body or ()
    column = row.pieces[-1].body_column
    return [line, *(" " * column + text if text else "" for text in body)]


def _comments(rows: list[Row]) -> list[str]:
    return [row.comment for row in rows if row.comment]


def _is_same(a: Tree, b: Tree) -> bool:
    if isinstance(a, Scalar) or isinstance(b, Scalar):
        return isinstance(a, Scalar) and isinstance(b, Scalar) and _means(a) == _means(b)
    if isinstance(a, Mapping) or isinstance(b, Mapping):
        if not (isinstance(a, Mapping) and isinstance(b, Mapping) and len(a) == len(b)):
            return False
        pairs = zip(a, b, strict=True)
        return all(_is_same(x.key, y.key) and _is_same(x.value, y.value) for x, y in pairs)
    pairs_of_items = zip(a.items, b.items, strict=False)
    return len(a.items) == len(b.items) and all(_is_same(x, y) for x, y in pairs_of_items)


def _means(scalar: Scalar) -> tuple[type, str, str, str]:
    """What a scalar is: its value, exactly, and what it was written with."""
    return type(scalar.value), repr(scalar.value), scalar.text, scalar.cut
