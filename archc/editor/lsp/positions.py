"""Places of archc and places of the protocol: two ways to cut a text into lines and columns.

Spans count lines as PyYAML does, which also ends them at U+0085, U+2028 and U+2029, and columns in
characters from 1. The protocol ends lines at CR and LF alone and counts from 0, in units of UTF-16
unless client and server have agreed on another encoding.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from archc.diagnostics.place import Source, Span

_YAML_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PROTOCOL_BREAK = re.compile("\r\n|[\n\r]")
_UNITS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
_BOM = "\ufeff"


class Point(NamedTuple):
    """A place of the protocol: line and units, from 0."""

    line: int
    unit: int


class TextLines:
    """A text, cut into lines both ways.

    The mark of byte order that a text may begin with is no part of the source that archc reads.
    """

    def __init__(self, name: str, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self._shift = 1 if text.startswith(_BOM) else 0
        self.source = Source(name, text[self._shift :])
        self._encoding = encoding
        self._yaml = [0, *(m.end() for m in _YAML_BREAK.finditer(self.source.text))]
        self._lines = [0, *(m.end() for m in _PROTOCOL_BREAK.finditer(text))]

    def offset(self, line: int, column: int) -> int:
        """The offset in the source of a line and a column from 1."""
        if line > len(self._yaml):
            return len(self.source.text)
        return min(self._yaml[max(line, 1) - 1] + column - 1, len(self.source.text))

    def offsets(self, span: Span) -> tuple[int, int]:
        """The offsets in the source of a span."""
        return self.offset(span.line, span.column), self.offset(span.end_line, span.end_column)

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column, from 1, of an offset in the source."""
        line = bisect_right(self._yaml, offset)
        return line, offset - self._yaml[line - 1] + 1

    def line_end(self, line: int) -> int:
        """The offset behind the last character of a line, before what ends it."""
        start = self.offset(line, 1)
        end = self._yaml[line] if line < len(self._yaml) else len(self.source.text)
        return start + len(self.source.text[start:end].rstrip("\r\n\x85\u2028\u2029"))

    def written(self, span: Span) -> str:
        """The characters of a span."""
        start, end = self.offsets(span)
        return self.source.text[start:end]

    def point(self, offset: int) -> Point:
        """The place of the protocol of an offset in the source."""
        at = min(offset + self._shift, len(self.text))
        line = bisect_right(self._lines, at) - 1
        return Point(line, self._units(self.text[self._lines[line] : at]))

    def points(self, span: Span) -> tuple[Point, Point]:
        """The places of the protocol that a span begins and ends at."""
        start, end = self.offsets(span)
        return self.point(start), self.point(end)

    def offset_at(self, point: Point) -> int:
        """The offset in the source of a place of the protocol; one beyond a line is its end."""
        if point.line < 0 or point.line >= len(self._lines):
            return len(self.source.text) if point.line >= 0 else 0
        start = self._lines[point.line]
        is_last = point.line + 1 == len(self._lines)
        end = len(self.text) if is_last else self._lines[point.line + 1]
        line = self.text[start:end].rstrip("\r\n")
        return max(start + self._characters(line, point.unit) - self._shift, 0)

    @property
    def end(self) -> Point:
        """The place behind the last character."""
        return self.point(len(self.source.text))

    def _units(self, text: str) -> int:
        if text.isascii():
            return len(text)
        return len(text.encode(f"{self._encoding}-le" if self._encoding != "utf-8" else "utf-8",
                               "surrogatepass")) // _UNITS[self._encoding]  # fmt: skip

    def _characters(self, line: str, units: int) -> int:
        if line.isascii():
            return min(units, len(line))
        seen = 0
        for count, character in enumerate(line):
            if seen >= units:
                return count
            seen += self._units(character)
        return len(line)
