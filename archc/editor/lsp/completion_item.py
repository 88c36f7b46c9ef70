"""What a completion offers: a thing that could stand at the cursor, and what is put in for it."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

_HOLE = re.compile(r"(?<!\\)\$(?:\d+|\{\d+:[^}]*\})")


class Sort(Enum):
    """What is completed."""

    OP = auto()
    BLOCK = auto()
    ARGUMENT = auto()
    MODIFIER = auto()
    NAME = auto()
    FUNCTION = auto()
    WORD = auto()
    PATH = auto()
    FILE = auto()
    KEY = auto()


class Item(NamedTuple):
    """A thing that could stand at the cursor.

    Attributes:
        label: what is shown in the list.
        snippet: what is put in, with `$1`, `$2`… where one types on.
        detail: a word beside the label.
        about: what it is, as Markdown.
    """

    label: str
    sort: Sort
    snippet: str
    detail: str = ""
    about: str = ""

    @property
    def plain(self) -> str:
        """What is put in where the client has no snippets: the same with the places empty."""
        return _HOLE.sub("", self.snippet).replace("\\$", "$")
