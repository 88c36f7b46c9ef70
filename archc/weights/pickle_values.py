"""What a pickle machine makes beside numbers, texts, lists, tuples and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

from archc.weights.pickle_stack import PickleStack

_MAX_KEY_TEXT = 256
_MAX_KEY_INTEGER = 1 << 64
_MAX_KEY_PARTS = 8


class Record:
    """A value that stands for a foreign object."""

    __slots__ = ()

    def takes_state(self, state: object) -> bool:
        """Whether a state of this form may be given; what matters of it is kept."""
        return type(state) in (dict, tuple)


@final
@dataclass(frozen=True, slots=True)
class Inert(Record):
    """Something of a known kind that archc has no use for, such as a random generator's state."""

    kind: str


@final
@dataclass(frozen=True, slots=True)
class Constructor:
    """What stands in the place of a function or a class.

    `build` is a function of archc: from the stack (to fail and to charge steps) and the arguments.
    """

    name: str
    build: Callable[[PickleStack, tuple[object, ...]], object]


Globals: TypeAlias = Mapping[tuple[str, str], object]
"""What stands in the place of each (module, name) that is allowed."""

SET = Inert("set")
BYTES = Inert("bytes")


def plain_key(stack: PickleStack, key: object) -> object:
    """A dictionary's key: itself for a text, else bytes that spell it.

    Texts and bytes hash unpredictably, while a file could choose numbers and tuples that all fall
    into one place of a dictionary.

    Raises:
        CheckpointError: it is neither a text, a number nor a short tuple of them.
    """
    if type(key) is str:
        return key
    parts = key if type(key) is tuple and len(key) <= _MAX_KEY_PARTS else (key,)
    if not all(_is_plain(part) for part in parts):
        stack.fail("has a dictionary with a key that is neither a text nor a number")
    return ",".join(map(repr, parts)).encode("utf-8", "surrogatepass")


def _is_plain(part: object) -> bool:
    if type(part) is str:
        return len(part) <= _MAX_KEY_TEXT
    if type(part) is int:
        return -_MAX_KEY_INTEGER < part < _MAX_KEY_INTEGER
    return type(part) in (bool, float, type(None))
