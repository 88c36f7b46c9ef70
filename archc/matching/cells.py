"""Cells: the layers, or groups, whose names begin alike, and which cells of the two parties agree.

What stands under `layer1.0` is a cell, and each single layer is one. Layers and groups have
colors, at first one for each form. Two cells with the same colors in the same numbers agree
where they are the only ones; several on each side agree one by one where the numbers in
their names tell the order. Members of agreeing cells get colors of their own, until nothing
changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from archc.matching.names import Tokens

Colors: TypeAlias = tuple[int, ...]


class Cell(NamedTuple):
    """Members of a party whose names begin alike.

    Attributes:
        tokens: what they begin with; the whole name of a single one.
        members: their numbers.
    """

    tokens: Tokens
    members: tuple[int, ...]


def cells_of(names: Sequence[Tokens]) -> tuple[Cell, ...]:
    """The cells of a party, the largest first, each once, with the shortest name it has."""
    under: dict[Tokens, list[int]] = {}
    for number, tokens in enumerate(names):
        for length in range(len(tokens) + 1):
            under.setdefault(tokens[:length], []).append(number)
    found: dict[tuple[int, ...], Cell] = {
        (number,): Cell(tokens, (number,)) for number, tokens in enumerate(names)
    }
    for tokens, members in under.items():
        if len(members) > 1:
            found.setdefault(tuple(members), Cell(tokens, tuple(members)))
    return tuple(sorted(found.values(), key=lambda cell: -len(cell.members)))


def by_colors(cells: Iterable[Cell], colors: Sequence[int]) -> Mapping[Colors, list[Cell]]:
    """The cells by the colors of their members."""
    found: dict[Colors, list[Cell]] = {}
    for cell in cells:
        found.setdefault(tuple(sorted(colors[m] for m in cell.members)), []).append(cell)
    return found
