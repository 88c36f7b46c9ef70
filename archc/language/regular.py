"""Regular expressions that match in linear time, by RE2, imported when a spec has one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import NamedTuple, Protocol, cast

LENGTH_BOUND = 1_000
"""Characters of a pattern or a replacement; names are far shorter."""

_PATTERN_BYTES = 1 << 20
"""What a pattern may take once it is compiled."""

_NOT_LINEAR = re.compile(r"\(\?<?[=!]|\\[1-9]")
_ESCAPE = re.compile(r"\\(\d{1,2}|\\)")


class Match(Protocol):
    """What a pattern found in a text."""

    def group(self, number: int, /) -> str | None:
        """The text of a group, None where it took no part."""


class Pattern(Protocol):
    """A compiled regular expression."""

    @property
    def groups(self) -> int:
        """The number of its groups."""

    def sub(self, replacement: object, text: str, /) -> str:
        """The text with every match replaced by what a function gives for it."""

    def search(self, text: str, /) -> object | None:
        """The first match within the text, or None."""

    def fullmatch(self, text: str, /) -> object | None:
        """A match of the whole text, or None."""


class PatternMistake(ValueError):  # noqa: N818 - the user's mistake, turned into a diagnostic
    """A text is no pattern or no replacement, or asks for what linear time excludes."""


class Replacement(NamedTuple):
    """What takes the place of a match: texts, and groups of the match by their numbers."""

    parts: tuple[str | int, ...]

    def __call__(self, match: Match) -> str:
        """The text for a match; a group that took no part is empty."""
        return "".join(p if isinstance(p, str) else match.group(p) or "" for p in self.parts)


def pattern_help(text: str) -> str:
    """What to do about a text that is no pattern."""
    if _NOT_LINEAR.search(text):
        return "there is no look-around and no back-reference"
    return r"put a backslash before a character that stands for itself, such as `\.` and `\(`"


def compile_pattern(text: str) -> Pattern:
    """The compiled pattern.

    Raises:
        PatternMistake: where the text is none.
    """
    if len(text) > LENGTH_BOUND:
        raise PatternMistake(f"it has more than {LENGTH_BOUND} characters")
    return _compiled(text, _PATTERN_BYTES)


def _compiled(text: str, most_bytes: int) -> Pattern:
    # A spec without patterns pays nothing for the library.
    re2 = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = most_bytes
    try:
        return cast(Pattern, re2.compile(text, options=options))
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        words = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise PatternMistake(words.removesuffix(f": {text}")) from None


def compile_any(texts: Iterable[str]) -> Pattern | None:
    """A pattern that is found wherever one of several is; None where that would be too large.

    Most names match none of a spec's patterns, which is found out at once.
    """
    try:
        return _compiled("|".join(f"(?:{text})" for text in texts), 8 * _PATTERN_BYTES)
    except PatternMistake:
        return None


def read_replacement(text: str, groups: int) -> Replacement:
    r"""The replacement that a text writes: `\1` is the first group, `\\` a backslash.

    Raises:
        PatternMistake: where a backslash stands before anything else, or a group is not there.
    """
    if len(text) > LENGTH_BOUND:
        raise PatternMistake(f"it has more than {LENGTH_BOUND} characters")
    parts: list[str | int] = []
    position = 0
    for escape in _ESCAPE.finditer(text):
        parts.append(_plain(text[position : escape.start()]))
        position = escape.end()
        if escape[1] == "\\":
            parts.append("\\")
            continue
        number = int(escape[1])
        if number > groups and len(escape[1]) == 2:  # one digit, and a digit that follows it
            number, rest = int(escape[1][0]), escape[1][1]
            position -= len(rest)
        if not 1 <= number <= groups:
            has = f"{groups} group{'s' * (groups != 1)}" if groups else "no groups"
            raise PatternMistake(f"`\\{escape[1]}` is no group of a pattern with {has}")
        parts.append(number)
    parts.append(_plain(text[position:]))
    return Replacement(tuple(part for part in parts if part != ""))


def _plain(text: str) -> str:
    if "\\" in text:
        at = text.index("\\")
        raise PatternMistake(
            f"`{text[at : at + 2]}` means nothing here: `\\1` is a group, `\\\\` a backslash"
        )
    return text
