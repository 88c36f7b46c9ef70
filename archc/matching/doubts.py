"""What speaks against a binding, or does not speak for it: a wrong one must never be silent.

A layer that alone has its form needs nothing more. Any other needs two things that tell it from
those of its form, and nothing may contradict: numbers in the file's names, a word such as
`downsample` in both, the file's order, or a tensor that has the layer's own name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from archc.matching.names import Tokens, precedes
from archc.matching.order import Order
from archc.matching.parties import GroupParty, LayerParty
from archc.matching.refinement import Evidence

_GENERIC = frozenset(
    (
        "batch",
        "block",
        "blocks",
        "bn",
        "branch",
        "conv",
        "d",
        "features",
        "layer",
        "layers",
        "model",
        "module",
        "norm",
        "normalization",
        "stage",
        "stages",
        "weight",
        "x",
    )
)
"""Words that tell no layer from others."""


class Doubts:
    """Bound layers and groups, and what can be said against them.

    Attributes:
        bound: the group of each layer that has one.
    """

    def __init__(
        self,
        layers: Sequence[LayerParty],
        groups: Sequence[GroupParty],
        bound: Mapping[int, int],
        order: Order,
        renumbered: Collection[Tokens],
    ) -> None:
        """Takes what is bound.

        Args:
            layers: those of the network.
            groups: those of the file.
            bound: the group of each layer that has one.
            order: what tells order.
            renumbered: names without a number, whose numbers in the file are not the network's.
        """
        self._layers, self._groups = layers, groups
        self._order = order
        self._renumbered = renumbered
        self.bound = bound
        self._shifts = _shifts((layers[a].tokens, groups[f].tokens) for a, f in bound.items())

    def against_order(self, layers: Collection[int]) -> str | None:
        """What is said where a layer among these is bound against the order of the network."""
        pairs = combinations(sorted(self.bound), 2)
        doubtful = ((a, b) for a, b in pairs if a in layers or b in layers)
        return next((text for a, b in doubtful if (text := self._pair(a, b))), None)

    def against_names(self, alike: Sequence[int], candidates: Sequence[int]) -> str | None:
        """What is said where names contradict the binding of layers of one form.

        Args:
            alike: the layers.
            candidates: all groups of that form.
        """
        members = [layer for layer in alike if layer in self.bound]
        others = (text for a in members if (text := self._own_name(a, candidates)))
        return next(others, None) or self._word(alike, candidates)

    def against_numbers(self, layers: Collection[int]) -> str | None:
        """What is said where numbers that are not the network's are shifted by no one number."""
        for layer in (layer for layer in layers if layer in self.bound):
            name, bound = self._layers[layer].tokens, self._groups[self.bound[layer]]
            for family, _ in _masks(name, bound.tokens):
                if family in self._renumbered and len(self._shifts[family]) > 1:
                    return f"names such as `{bound.name}` have other numbers than the network's"
        return None

    def is_told(
        self, layer: int, evidence: set[Evidence], alike: Sequence[int], *, is_lone: bool
    ) -> bool:
        """Whether two things tell a layer from others of its form.

        Args:
            layer: the layer.
            evidence: what told it.
            alike: the layers of its form.
            is_lone: whether that was one neighbour in one place, which may be there by chance.
        """
        return (
            not evidence.isdisjoint(("numbers", "words"))
            or self._order.is_by_file
            or self._is_numbered_rightly(layer, alike if is_lone else ())
            or self._shares_word(layer, alike)
        )

    def _pair(self, a: int, b: int) -> str | None:
        one, other = self._groups[self.bound[a]], self._groups[self.bound[b]]
        told = precedes(one.tokens, other.tokens)
        if self._order.flows(a, b):
            wanted: bool | None = True
            is_against_file = self._order.is_by_file and other.position < one.position
        else:
            wanted = precedes(self._layers[a].tokens, self._layers[b].tokens)
            is_against_file = False
        names = f"`{one.name}` and `{other.name}`"
        if wanted is not None and told is not None and told != wanted:
            return f"the numbers in {names} run against the network"
        return f"{names} stand in the file against the network" if is_against_file else None

    def _own_name(self, layer: int, candidates: Sequence[int]) -> str | None:
        """What is said where another group has the layer's name, but for a shift of all numbers."""
        name, bound = self._layers[layer].name, self.bound[layer]
        if self._groups[bound].name == name:
            return None
        if all(self._groups[group].name != name for group in candidates):
            return None
        masks = _masks(self._layers[layer].tokens, self._groups[bound].tokens)
        if any(len(self._shifts[mask]) == 1 for mask, _ in masks):
            return None
        return f"the file has another `{name}`"

    def _word(self, alike: Sequence[int], candidates: Sequence[int]) -> str | None:
        for word, (layers, groups) in self._words(alike, candidates).items():
            for layer in layers:
                if layer in self.bound and self.bound[layer] not in groups:
                    name = self._groups[self.bound[layer]].name
                    return f"`{self._layers[layer].name}` is `{word}`, and `{name}` is not"
        return None

    def _words(
        self, alike: Sequence[int], candidates: Sequence[int]
    ) -> Mapping[str, tuple[set[int], set[int]]]:
        """The words that as many layers have as groups, but not all of them, with who has them."""
        found: dict[str, tuple[set[int], set[int]]] = {}
        names = (
            {number: self._layers[number].tokens for number in alike},
            {number: self._groups[number].tokens for number in candidates},
        )
        for side, named in enumerate(names):
            for number, tokens in named.items():
                for token in tokens:
                    if isinstance(token, str) and token not in _GENERIC:
                        found.setdefault(token, (set(), set()))[side].add(number)
        return {w: (a, b) for w, (a, b) in found.items() if len(a) == len(b) < len(alike)}

    def _shares_word(self, layer: int, alike: Sequence[int]) -> bool:
        candidates = [self.bound[number] for number in alike if number in self.bound]
        words = self._words(alike, candidates).values()
        return any(layer in layers and self.bound[layer] in groups for layers, groups in words)

    def _is_numbered_rightly(self, layer: int, alike: Sequence[int]) -> bool:
        """Whether a number puts the group before or behind another as the network does.

        Args:
            layer: the layer.
            alike: layers that numbers must tell it from, so that no two may change places unseen.
        """
        if not self._order.is_by_numbers:
            return False
        own = self._groups[self.bound[layer]].tokens
        others = [
            self._groups[self.bound[n]].tokens for n in alike if n in self.bound and n != layer
        ]
        if any(precedes(own, other) is None for other in others):
            return False
        tokens = self._groups[self.bound[layer]].tokens
        for other, group in self.bound.items():
            told = precedes(tokens, self._groups[group].tokens)
            flow = (layer, other) if told else (other, layer)
            if told is not None and self._order.flows(*flow):
                return True
        return False


def _shifts(pairs: Iterator[tuple[Tokens, Tokens]]) -> Mapping[Tokens, set[int]]:
    """By how much numbers differ in names that are the same but for one."""
    found: dict[Tokens, set[int]] = {}
    for own, other in pairs:
        for mask, shift in _masks(own, other):
            found.setdefault(mask, set()).add(shift)
    return found


def _masks(own: Tokens, other: Tokens) -> Iterator[tuple[Tokens, int]]:
    """The name without the one number in which two differ, or without each where none does."""
    for at, (a, b) in enumerate(zip(own, other, strict=False)):
        if isinstance(a, int) and isinstance(b, int):
            rest = (*own[:at], "#", *own[at + 1 :])
            if rest == (*other[:at], "#", *other[at + 1 :]):
                yield rest, b - a
