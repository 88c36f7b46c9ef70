"""Places in the text of a spec: a source, a span in it, and the uses that led there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from typing_extensions import override

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for PyYAML, whose line numbers spans have."""


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """A text that diagnostics point into: a spec file, or the value of a command's option.

    Two sources are equal only when they are the same object.
    """

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The text of one line, 1-based, without its line end; empty beyond the text."""
        lines = _LINE_BREAK.split(self.text)
        return lines[number - 1] if 1 <= number <= len(lines) else ""


class Span(NamedTuple):
    """A stretch of a source: 1-based lines and columns in characters, the end exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def file(self) -> str:
        """The name of the source."""
        return self.source.name

    def slice(self, start: int, end: int) -> Span:
        """The characters start to end (0-based, end exclusive) of a span on one line."""
        if self.line != self.end_line or self.column + end > self.end_column:
            return self
        return Span(self.source, self.line, self.column + start, self.line, self.column + end)

    @override
    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Frame(NamedTuple):
    """One use on the way to a place: what was used ("block `bottleneck`") and where."""

    what: str
    span: Span


class Place(NamedTuple):
    """A span with the uses that led to it, the outermost first."""

    span: Span
    trail: tuple[Frame, ...] = ()
