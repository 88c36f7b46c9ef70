"""Places in the text of a spec: a source, a span in it, and the uses that led there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from typing_extensions import override

LINE_BREAKS = ("\r\n", "\n", "\r", "\x85", "\u2028", "\u2029")
"""What ends a line for PyYAML, whose line numbers spans have."""

_LINE_BREAK = re.compile("|".join(LINE_BREAKS))


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


_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip


def ordinal(number: int) -> str:
    """The word for a position, 1-based; beyond the tenth with digits.

    >>> ordinal(3), ordinal(11), ordinal(22)
    ('third', '11th', '22nd')
    """
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


_USED = "used here"


class Frame(NamedTuple):
    """One step on the way to a place: what was used ("block `bottleneck`"), where, and how.

    Attributes:
        what: what the place is in: a block, the third copy, the second round of a loop.
        span: where that is written.
        detail: more of it: that it was used there, and as which copy; what a round's names are.
    """

    what: str
    span: Span
    detail: str = _USED

    @property
    def is_use(self) -> bool:
        """Whether something was used there, which is not so for a copy or a round alone."""
        return self.detail.startswith(_USED)

    @property
    def label(self) -> str:
        """The step in words: "in block `bottleneck`, used here, third copy"."""
        return f"in {self.what}, {self.detail}" if self.detail else f"in {self.what}"


def copy_frame(number: int, span: Span) -> Frame:
    """The step into a copy, 1-based, of what is repeated."""
    return Frame(f"the {ordinal(number)} copy", span, "")


def further(trail: tuple[Frame, ...], frame: Frame) -> tuple[Frame, ...]:
    """A trail one step further; a copy of a block is one step: its use, as which copy."""
    if trail and trail[-1].span == frame.span and not trail[-1].is_use:
        copy = trail[-1].what.removeprefix("the ")
        return (*trail[:-1], frame._replace(detail=f"{frame.detail}, {copy}"))
    return (*trail, frame)


class Place(NamedTuple):
    """A span with the uses that led to it, the outermost first."""

    span: Span
    trail: tuple[Frame, ...] = ()
