"""Characters as a terminal shows them: escapes, tabs, cells, and cutting to a width.

What a user's file holds is never sent to the terminal as it is: control characters, marks that
turn the direction of writing and other invisible characters are shown as escapes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import accumulate

TAB = "    "
ELLIPSIS = "..."
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}


def visible(text: str) -> str:
    r"""The text with every character that cannot be seen as an escape.

    >>> print(visible("a\x1b[31m\u202eb"))
    a\x1b[31m\u202eb
    """
    return "".join(map(_visible, text))


def pieces(line: str) -> list[str]:
    """What is shown for each character of a source line, a tab as spaces."""
    return [TAB if character == "\t" else _visible(character) for character in line]


def _visible(character: str) -> str:
    if character == " " or unicodedata.category(character) not in _HIDDEN:
        return character
    if character in "\t\r\n":
        return repr(character)[1:-1]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cells(shown: Iterable[str]) -> int:
    """The cells that visible text takes: two for a wide character, none for a combining mark.

    Widths are those of Unicode Standard Annex 11.
    """
    return sum(_cells(character) for text in shown for character in text)


def _cells(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def fitting(shown: Iterable[str], room: int) -> int:
    """How many of the first pieces of visible text there is room for, in cells."""
    return sum(taken <= room for taken in accumulate(cells(piece) for piece in shown))


def shorten(text: str, limit: int) -> str:
    """Visible text cut in the middle where it takes more than `limit` cells."""
    if cells(text) <= limit:
        return text
    room = max(limit - len(ELLIPSIS), 2)
    head = text[: fitting(text, room - room // 2)]
    tail = text[len(text) - fitting(reversed(text), room // 2) :]
    return f"{head}{ELLIPSIS}{tail}"


def wrap(text: str, room: int) -> list[str]:
    """Visible text in lines of at most `room` cells, broken at spaces where there are any."""
    lines: list[str] = []
    while cells(text) > room:
        line = text[: fitting(text, room)]
        broken = line if text[len(line)] == " " else line.rpartition(" ")[0]
        line = broken if broken.strip() else line or text[0]
        lines.append(line.rstrip())
        text = text[len(line) :].lstrip(" ")
    return [*lines, text.rstrip()] if text or not lines else lines
