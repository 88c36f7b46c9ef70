"""What tells order: numbers in names, the way data flow through a network, and the file itself.

Numbers in a file's names are believed where the network's own names are numbered alike, or where
the file's order says the same; never against the flow of data. Layers side by side have no order:
there numbers must be the same, or the same but for a shift, behind the same word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cmp_to_key
from itertools import combinations, pairwise

from archc.matching.cells import Cell
from archc.matching.names import Tokens, natural, precedes, stem, steps
from archc.matching.parties import GroupParty, LayerParty

_ANCHORS_WANTED = 3
"""Layers bound by their form alone that must follow each other in the file as in the network."""

_ALIKE_BOUND = 300
"""Cells that are put in order at most; each is compared with each."""


class Order:
    """The order that layers and groups stand in.

    Attributes:
        is_by_file: whether the file's order is that of the network, as far as forms alone tell.
        is_by_numbers: whether no number in the file's names runs against the network.
    """

    def __init__(
        self,
        layers: Sequence[LayerParty],
        groups: Sequence[GroupParty],
        forced: Mapping[int, int],
    ) -> None:
        self._layers, self._groups = layers, groups
        self._known: dict[tuple[tuple[int, ...], ...], list[tuple[Cell, Cell]]] = {}
        pairs = list(self._flowing(forced))
        self.is_by_numbers = not any(
            precedes(groups[forced[a]].tokens, groups[forced[b]].tokens) is False for a, b in pairs
        )
        self.is_by_file = (
            len({number for pair in pairs for number in pair}) >= _ANCHORS_WANTED
            and all(groups[forced[a]].position < groups[forced[b]].position for a, b in pairs)
            and all(group.is_together for group in groups)
            and not is_sorted([group.name for group in groups])
        )

    def flows(self, a: int, b: int) -> bool:
        """Whether what a layer gives reaches another."""
        return bool(self._layers[b].after >> a & 1)

    def follows_file(self, first: int, second: int) -> bool:
        """Whether the file puts one group before another."""
        return self._groups[first].position < self._groups[second].position

    def aligned(self, layers: list[Cell], groups: list[Cell]) -> list[tuple[Cell, Cell]]:
        """The cells that agree one by one as numbers put them, or none where they do not."""
        asked = tuple(cell.members for cell in (*layers, *groups))
        if asked not in self._known:
            self._known[asked] = self._aligned(layers, groups)
        return self._known[asked]

    def _aligned(self, layers: list[Cell], groups: list[Cell]) -> list[tuple[Cell, Cell]]:
        if not self.is_by_numbers or len(layers) > _ALIKE_BOUND:
            return []
        if any(steps(a.tokens, b.tokens) is None for a, b in combinations(groups, 2)):
            return []
        ordered = sorted(groups, key=cmp_to_key(_compared))
        pairs = list(zip(sorted(layers, key=lambda cell: cell.members), ordered, strict=True))
        return pairs if all(self._is_told(a, b) for a, b in combinations(pairs, 2)) else []

    def _is_told(self, first: tuple[Cell, Cell], second: tuple[Cell, Cell]) -> bool:
        """Whether two cells of layers stand in the order that the numbers of the groups tell."""
        (layer_a, group_a), (layer_b, group_b) = first, second
        there, back = self._cell_flows(layer_a, layer_b), self._cell_flows(layer_b, layer_a)
        own = steps(layer_a.tokens, layer_b.tokens)
        if back:
            return False
        if not there:
            return own is not None and is_same_step(
                layer_a.tokens, layer_b.tokens, group_a.tokens, group_b.tokens
            )
        if own is not None:
            return own[0] < own[1]
        return self.is_by_file and self.follows_file(group_a.members[0], group_b.members[0])

    def _cell_flows(self, a: Cell, b: Cell) -> bool:
        mask = sum(1 << member for member in a.members)
        return any(self._layers[member].after & mask for member in b.members)

    def _flowing(self, layers: Mapping[int, int]) -> Iterator[tuple[int, int]]:
        return ((a, b) for a, b in combinations(sorted(layers), 2) if self.flows(a, b))


def is_same_step(layer_a: Tokens, layer_b: Tokens, group_a: Tokens, group_b: Tokens) -> bool:
    """Whether two names differ in the numbers that two others differ in, but for a shift."""
    own, told = steps(layer_a, layer_b), steps(group_a, group_b)
    if own is None or told is None or own[1] - own[0] != told[1] - told[0]:
        return False
    return own == told or stem(layer_a, layer_b)[-1:] == stem(group_a, group_b)[-1:]


def is_sorted(names: Sequence[str]) -> bool:
    """Whether names stand in the order of the alphabet or of their numbers, which says nothing."""
    plain = all(a <= b for a, b in pairwise(names))
    keys = [natural(name) for name in names]
    return plain or all(a <= b for a, b in pairwise(keys))


def _compared(a: Cell, b: Cell) -> int:
    return -1 if precedes(a.tokens, b.tokens) else 1
