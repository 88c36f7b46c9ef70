"""Names cut into words and numbers, and the order that numbers in names tell.

`layer1.0.conv2` is `layer`, 1, 0, `conv`, 2. Two names that differ first in a number stand in the
order of that number; where they differ first in a word, names tell no order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TypeAlias

Token: TypeAlias = int | str
Tokens: TypeAlias = tuple[Token, ...]

_PIECE = re.compile(r"[0-9]+|[^\W0-9_]+")
_LAST_NUMBER = re.compile(r"(.*[^0-9_./-])[_./-]?[0-9]+")
_DEPTH_BOUND = 32
_DIGITS_BOUND = 12


def tokens_of(name: str) -> Tokens:
    """The words, in lower case, and the numbers of a name, at most 32 of them.

    >>> tokens_of("Layer1.0.conv_dw")
    ('layer', 1, 0, 'conv', 'dw')
    """
    pieces = _PIECE.findall(name)
    if len(pieces) > _DEPTH_BOUND:
        pieces = [*pieces[: _DEPTH_BOUND - 1], name]
    return tuple(_token(piece) for piece in pieces)


def _token(piece: str) -> Token:
    is_number = piece.isascii() and piece.isdigit() and len(piece) <= _DIGITS_BOUND
    return int(piece) if is_number else piece.lower()


def numbered(names: Collection[str]) -> dict[str, Tokens]:
    """The tokens of each name; one without the number that its siblings end in gets a 0.

    >>> numbered(["conv", "conv_1"])
    {'conv': ('conv', 0), 'conv_1': ('conv', 1)}
    """
    stems = {found[1] for name in names if (found := _LAST_NUMBER.fullmatch(name))}
    return {name: tokens_of(name) + ((0,) if name in stems else ()) for name in names}


def steps(a: Tokens, b: Tokens) -> tuple[int, int] | None:
    """The numbers in which two names differ first; None where they differ in something else.

    A letter behind a number counts as one, as in `block2a` and `block2b`.

    >>> steps(("conv", 2, "bn"), ("conv", 10))
    (2, 10)
    """
    at = _difference(a, b)
    if at >= len(a) or at >= len(b):
        return None
    x, y = a[at], b[at]
    if isinstance(x, int) and isinstance(y, int):
        return x, y
    if isinstance(x, int) or isinstance(y, int) or not at or not isinstance(a[at - 1], int):
        return None
    return (ord(x), ord(y)) if len(x) == len(y) == 1 else None


def stem(a: Tokens, b: Tokens) -> Tokens:
    """What two names have in common before they differ."""
    return a[: _difference(a, b)]


def families(tokens: Tokens) -> Iterator[Tokens]:
    """A name without each of its numbers, which those numbered like it have too.

    >>> list(families(("layer", 1, "conv", 2)))
    [('layer', '#', 'conv', 2), ('layer', 1, 'conv', '#')]
    """
    for at, token in enumerate(tokens):
        if isinstance(token, int):
            yield (*tokens[:at], "#", *tokens[at + 1 :])


def precedes(a: Tokens, b: Tokens) -> bool | None:
    """Whether numbers put the first name before the second; None where they say nothing."""
    found = steps(a, b)
    return None if found is None else found[0] < found[1]


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts names with their numbers by size."""
    return tuple((0, t, "") if isinstance(t, int) else (1, 0, t) for t in tokens_of(name))


def _difference(a: Tokens, b: Tokens) -> int:
    differing = (at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(differing, min(len(a), len(b)))
