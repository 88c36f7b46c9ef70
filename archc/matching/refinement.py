"""Refinement: layers and groups of one form are told apart by where they stand, step by step.

Each step is one of three. Cells that agree (see `cells`) tell their members from those of others.
Numbers put several agreeing cells in order (see `order`). Within cells that agree, a name that
means one thing wherever that is known means it elsewhere too: `downsample.0` is `shortcut`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Literal, TypeAlias

from archc.matching.cells import Cell, by_colors, cells_of
from archc.matching.names import Tokens
from archc.matching.order import Order
from archc.matching.parties import GroupParty, LayerParty

Evidence: TypeAlias = Literal["place", "neighbour", "numbers", "words"]
"""What told a layer from others; a neighbour is a place that only one bound layer speaks for."""

_Pairs: TypeAlias = list[tuple[Cell, Cell]]

_STEPS = 2_000
"""Steps at most; a network of a thousand layers takes some tens."""

_WITNESSES = 2
"""Layers that tell what a name means, at least."""


class Refinement:
    """The colors of layers and groups, which only split.

    Attributes:
        evidence: for each layer, what told it from others of its form.
        beside: for layers that a neighbour told, how long the names of the two cells were.
    """

    def __init__(
        self,
        layers: Sequence[LayerParty],
        groups: Sequence[GroupParty],
        colors: tuple[Sequence[int], Sequence[int]],
        order: Order,
    ) -> None:
        self._names = [party.tokens for party in layers], [party.tokens for party in groups]
        self._cells = cells_of(self._names[0]), cells_of(self._names[1])
        self._colors = list(colors[0]), list(colors[1])
        self._counts = Counter(colors[0]), Counter(colors[1])
        self._next = count(max((*colors[0], *colors[1]), default=0) + 1)
        self._order = order
        self.evidence: list[set[Evidence]] = [set() for _ in layers]
        self.beside: dict[int, tuple[int, int]] = {}

    def run(self) -> None:
        """Splits colors until nothing tells more."""
        for _ in range(_STEPS):
            if not self._by_cells() and not self._by_words():
                return

    def classes(self) -> Mapping[int, tuple[list[int], list[int]]]:
        """The layers and the groups of each color."""
        found: dict[int, tuple[list[int], list[int]]] = {}
        for side in (0, 1):
            for number, color in enumerate(self._colors[side]):
                found.setdefault(color, ([], []))[side].append(number)
        return found

    def _agreeing(self) -> Iterator[tuple[int, _Pairs]]:
        """The cells that agree, with the number of their members, the largest first."""
        of_groups = by_colors(self._cells[1], self._colors[1])
        for colors, layers in by_colors(self._cells[0], self._colors[0]).items():
            groups = of_groups.get(colors, [])
            if len(layers) == len(groups) == 1:
                if any(self._counts[0][c] == self._counts[1][c] == 1 for c in colors):
                    yield len(colors), [(layers[0], groups[0])]
            elif len(layers) == len(groups):
                yield len(colors), self._order.aligned(layers, groups)

    def _by_cells(self) -> bool:
        """Whether agreeing cells split a color; those of one size are used at a time."""
        size = 0
        for members, pairs in self._agreeing():
            if size and members < size:
                break
            if self._split(pairs, self._evidence_of(pairs)):
                size = members
        return size > 0

    def _evidence_of(self, pairs: _Pairs) -> Evidence:
        if len(pairs) != 1:
            return "numbers"
        ((layers, _),) = pairs
        colors = [self._colors[0][member] for member in layers.members]
        if sum(self._counts[0][c] == self._counts[1][c] == 1 for c in colors) > 1:
            return "place"
        return "neighbour"

    def _split(self, pairs: _Pairs, evidence: Evidence) -> bool:
        """Whether members of cells that agree got other colors than those outside."""
        shared = [self._shared(*pair) for pair in pairs]
        for (layers, groups), colors in zip(pairs, shared, strict=True):
            fresh = {color: next(self._next) for color in colors}
            for side, cell in enumerate((layers, groups)):
                for member in cell.members:
                    color = self._colors[side][member]
                    if color in fresh:
                        self._recolor(side, member, fresh[color])
                        if side == 0:
                            self.evidence[member].add(evidence)
                            if evidence == "neighbour":
                                self.beside[member] = len(layers.tokens), len(groups.tokens)
        return any(shared)

    def _shared(self, layers: Cell, groups: Cell) -> list[int]:
        """The colors inside two cells that are outside them as well."""
        shared: set[int] = set()
        for side, cell in enumerate((layers, groups)):
            inside = Counter(self._colors[side][member] for member in cell.members)
            shared |= {color for color, n in inside.items() if n < self._counts[side][color]}
        return sorted(shared)

    def _recolor(self, side: int, member: int, color: int) -> None:
        self._counts[side][self._colors[side][member]] -= 1
        self._counts[side][color] += 1
        self._colors[side][member] = color

    def _by_words(self) -> bool:
        """Whether names that mean one thing within agreeing cells split a color."""
        cells = [pair for size, pairs in self._agreeing() if size > 1 for pair in pairs]
        known = _meanings(self._bound_names(cells))
        changed = False
        for layers, groups in cells:
            for names in self._alike(layers, groups):
                found = _by_meaning(*names, known)
                pairs = [(Cell((), (layer,)), Cell((), (group,))) for layer, group in found]
                changed = self._split(pairs, "words") or changed
        return changed

    def _bound_names(self, cells: _Pairs) -> Iterator[tuple[int, Tokens, Tokens]]:
        """Bound layers, what they are called within agreeing cells, and what their groups are."""
        bound = {
            layers[0]: groups[0]
            for layers, groups in self.classes().values()
            if len(layers) == len(groups) == 1
        }
        for layers, groups in cells:
            for layer in layers.members:
                if layer in bound:
                    other = self._within(1, groups, bound[layer])
                    yield layer, self._within(0, layers, layer), other

    def _alike(
        self, layers: Cell, groups: Cell
    ) -> Iterator[tuple[dict[int, Tokens], dict[int, Tokens]]]:
        """The members of two cells that have a color in common with others there, by names."""
        colors: dict[int, tuple[dict[int, Tokens], dict[int, Tokens]]] = {}
        for side, cell in enumerate((layers, groups)):
            for member in cell.members:
                names = colors.setdefault(self._colors[side][member], ({}, {}))
                names[side][member] = self._within(side, cell, member)
        return (names for names in colors.values() if len(names[0]) > 1)

    def _within(self, side: int, cell: Cell, member: int) -> Tokens:
        return self._names[side][member][len(cell.tokens) :]


def _meanings(pairs: Iterator[tuple[int, Tokens, Tokens]]) -> Mapping[Tokens, Tokens]:
    """The names that mean one and the same for several layers, and nothing else for any."""
    there: dict[Tokens, set[Tokens]] = {}
    back: dict[Tokens, set[Tokens]] = {}
    layers: dict[Tokens, set[int]] = {}
    for layer, own, other in pairs:
        there.setdefault(own, set()).add(other)
        back.setdefault(other, set()).add(own)
        layers.setdefault(own, set()).add(layer)
    found = {own: next(iter(others)) for own, others in there.items() if len(others) == 1}
    return {
        own: other
        for own, other in found.items()
        if len(back[other]) == 1 and len(layers[own]) >= _WITNESSES
    }


def _by_meaning(
    layers: Mapping[int, Tokens], groups: Mapping[int, Tokens], known: Mapping[Tokens, Tokens]
) -> list[tuple[int, int]]:
    """The members that names bind: by what they mean elsewhere, else if all are called the same."""
    called = {name: number for number, name in groups.items()}
    if len(called) < len(groups) or len(layers) != len(groups):
        return []
    found = [(n, called[known[own]]) for n, own in layers.items() if known.get(own) in called]
    if found:
        return found
    if set(layers.values()) == set(called) and len(called) == len(layers):
        return [(number, called[own]) for number, own in layers.items()]
    return []
