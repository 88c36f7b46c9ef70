"""What the streams are: whether they take colours, how wide they are; and lines to them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from archc.diagnostics.cells import cells, wrap

WIDTH_OF_A_FILE = 100
"""Cells of a line where no terminal says how many there are."""

SMALLEST_WIDTH = 40

_MORE = " ..."
_COLORS = {"error": "1;31", "warning": "1;33", "note": "1;36", "help": "1;36", "good": "1;32"}


def has_color(stream: TextIO) -> bool:
    """Whether a stream is a terminal that takes colours (https://no-color.org).

    `FORCE_COLOR` asks for them where there is none, as in a log that shows them.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, kind: str, stream: TextIO) -> str:
    """The text in the colour of its kind, where the stream takes colours."""
    return f"\x1b[{_COLORS[kind]}m{text}\x1b[0m" if has_color(stream) else text


def width_of(stream: TextIO) -> int:
    """The cells of a line of a stream."""
    if not stream.isatty():
        return WIDTH_OF_A_FILE
    return shutil.get_terminal_size((WIDTH_OF_A_FILE, 24)).columns


def put(text: str) -> None:
    """Puts a result on standard output, and ends the line."""
    sys.stdout.write(f"{text}\n")


def put_aside(text: str) -> None:
    """Puts a text that is no result on standard error, and ends the line."""
    sys.stderr.write(f"{text}\n")


def say(kind: str, text: str) -> None:
    """Puts an error, a warning, a note or a help on standard error, on a terminal in its width."""
    lines = [text]
    if sys.stderr.isatty():
        room = max(width_of(sys.stderr), SMALLEST_WIDTH) - len(kind) - 2
        lines = wrap(text, room)
    put_aside(f"{paint(kind, kind, sys.stderr)}: " + f"\n{' ' * (len(kind) + 2)}".join(lines))


def columns(rows: Iterable[Sequence[str]], aligned: str, *, width: int | None = None) -> list[str]:
    """The rows as lines of columns, two cells apart.

    `aligned` has `<` or `>` for each column; the last is cut where a line is wider than `width`.
    """
    table = [tuple(row) for row in rows]
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        parts = []
        for text, room, side in zip(row, widths, aligned, strict=True):
            gap = " " * (room - cells(text))
            parts.append(text + gap if side == "<" else gap + text)
        line = "  ".join(parts).rstrip()
        if width is not None and cells(line) > width:
            room = width - cells("  ".join(parts[:-1])) - 2 - len(_MORE)
            line = "  ".join([*parts[:-1], wrap(row[-1], max(room, 8))[0] + _MORE])
        lines.append(line)
    return lines
