"""Layers bound to groups by structure, where their names differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from archc.matching.doubts import Doubts
from archc.matching.names import Tokens, families
from archc.matching.order import Order, is_sorted
from archc.matching.parties import Form, GroupParty, LayerParty, Layout
from archc.matching.plan import Why
from archc.matching.refinement import Evidence, Refinement

PARTIES_BOUND = 5_000
"""Layers or groups that structure is compared for; no network has as many."""

_SEVERAL_FIT = "names, numbers and places do not tell them apart"
_ONE_LEFT = "nothing but being left over speaks for one of them"
_WHY: Mapping[Evidence, Why] = {
    "words": "told by names",
    "numbers": "told by numbers",
    "place": "told by its place",
    "neighbour": "told by its place",
}


@dataclass(frozen=True, slots=True)
class OpenForm:
    """Layers that several groups of their form fit.

    Attributes:
        candidates: the groups that each may be.
        reason: why nothing was chosen.
        likely: the group of each that the file's order, or what little is known, speaks for.
        is_in_order: whether that is the file's order.
    """

    candidates: Mapping[int, tuple[int, ...]]
    reason: str
    likely: Mapping[int, int]
    is_in_order: bool


@dataclass(slots=True)
class Bound:
    """What structure found: the group of each layer with the reason, and what is open."""

    groups: dict[int, tuple[int, Why]] = field(default_factory=dict)
    open_forms: list[OpenForm] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Alike:
    """The layers and groups of one form."""

    layers: tuple[int, ...]
    groups: tuple[int, ...]

    @property
    def is_forced(self) -> bool:
        """Whether only one assignment fits."""
        return len(self.layers) == len(self.groups) == 1

    @property
    def pair(self) -> tuple[int, int]:
        """The layer and the group that are forced."""
        return self.layers[0], self.groups[0]

    def is_unsure_but_for(self, named: Mapping[int, int]) -> bool:
        """Whether several assignments fit, where these layers are bound by name."""
        is_possible = self.layers and self.groups and not self.is_forced
        return bool(is_possible) and not all(layer in named for layer in self.layers)


def by_structure(
    layers: Sequence[LayerParty],
    groups: Sequence[GroupParty],
    layout: Layout,
    *,
    is_by_order: bool = False,
) -> Bound:
    """The layers that are forced to be groups, and those that several groups fit.

    Args:
        layers: those of the network, in the order they run.
        groups: those of the file, in its order.
        layout: how arrays lie in the file.
        is_by_order: the caller says that what is open stands in the file as in the network.
    """
    if max(len(layers), len(groups), 1) > PARTIES_BOUND:
        return Bound()
    by_name = {group.name: number for number, group in enumerate(groups)}
    named = {
        number: by_name[layer.name] for number, layer in enumerate(layers) if layer.name in by_name
    }
    structure = _Structure(layers, groups, layout, named)
    # Names that some layers share with groups may be an accident: numbers that are shifted by one.
    attempt = _Attempt(structure, structure.fitting(named))
    if attempt.contradiction is not None:
        attempt = _Attempt(structure, structure.whole(named))
    return attempt.result(is_by_order=is_by_order)


class _Structure:
    """Layers and groups by form, and what forms alone tell."""

    def __init__(
        self,
        layers: Sequence[LayerParty],
        groups: Sequence[GroupParty],
        layout: Layout,
        named: Mapping[int, int],
    ) -> None:
        self.layers, self.groups = layers, groups
        forms = [group.form for group in groups]
        there = frozenset(forms)
        self.colors = _numbered([_form(layer, layout, there) for layer in layers], forms)
        self.forms = _alike(*self.colors)
        self.order = Order(layers, groups, dict(f.pair for f in self.forms if f.is_forced))
        self.is_sorted = is_sorted([group.name for group in groups])

        self.renumbered = frozenset(self._renumbered(named))

    def fitting(self, named: Mapping[int, int]) -> dict[int, int]:
        """The layers with a group of their name and form, where its number is the network's."""
        own, other = self.colors
        return {
            layer: group
            for layer, group in named.items()
            if own[layer] == other[group]
            and self.renumbered.isdisjoint(families(self.layers[layer].tokens))
        }

    def _renumbered(self, named: Mapping[int, int]) -> Iterator[Tokens]:
        """Names without a number, where the file has a layer under the number of another.

        Keras numbers its layers anew in each session, and some of its files in another order.
        """
        own, other = self.colors
        alike = {own[form.layers[0]]: form.layers for form in self.forms if form.layers}
        for layer, group in named.items():
            if own[layer] != other[group]:
                called = set(families(self.layers[layer].tokens))
                for there in alike.get(other[group], ()):
                    yield from called.intersection(families(self.layers[there].tokens))

    def whole(self, named: Mapping[int, int]) -> dict[int, int]:
        """The same, but for forms of which some layer has none."""
        fitting = self.fitting(named)
        lacking = {self.colors[0][n] for n in range(len(self.layers)) if n not in fitting}
        return {a: f for a, f in fitting.items() if self.colors[0][a] not in lacking}


class _Attempt:
    """What structure tells where some layers are bound by their names."""

    def __init__(self, structure: _Structure, named: Mapping[int, int]) -> None:
        self._given, self._named = structure, named
        layers, groups = structure.layers, structure.groups
        own, other = list(structure.colors[0]), list(structure.colors[1])
        for color, (layer, group) in enumerate(named.items(), len(layers) + len(groups)):
            own[layer] = other[group] = color
        refinement = Refinement(layers, groups, (own, other), structure.order)
        refinement.run()
        self._evidence, self._beside = refinement.evidence, refinement.beside
        self._same = {
            layer: tuple(there) for here, there in refinement.classes().values() for layer in here
        }
        self._alone = {
            here[0]: there[0]
            for here, there in refinement.classes().values()
            if len(here) == len(there) == 1
        }
        self._doubts = Doubts(layers, groups, self._alone, structure.order, structure.renumbered)
        self._unsure = [form for form in structure.forms if form.is_unsure_but_for(named)]
        told = (self._doubts.against_names(f.layers, f.groups) for f in self._unsure)
        unsure = {n for form in self._unsure for n in form.layers if n not in named}
        self.contradiction = (
            self._doubts.against_order(unsure)
            or self._doubts.against_numbers(unsure)
            or next(filter(None, told), None)
        )

    def result(self, *, is_by_order: bool) -> Bound:
        """What is bound and what is open."""
        found = Bound()
        for form in self._given.forms:
            layers, reason = self._open(form) if form in self._unsure else ((), "")
            for layer in form.layers:
                if layer in self._alone and layer not in layers:
                    found.groups[layer] = self._alone[layer], self._why(layer, form)
            if layers:
                left = self._left(form, layers, reason)
                if is_by_order and left.is_in_order and self.contradiction is None:
                    found.groups |= {n: (g, "order of the file") for n, g in left.likely.items()}
                else:
                    found.open_forms.append(left)
        return found

    def _open(self, form: _Alike) -> tuple[tuple[int, ...], str]:
        """The layers of a form that stay open, and why."""
        unnamed = tuple(layer for layer in form.layers if layer not in self._named)
        if self.contradiction is not None:
            return unnamed, self.contradiction
        if len(form.layers) > len(form.groups):
            return unnamed, f"the network has {len(form.layers)} such layers, the file fewer"
        alone = [layer for layer in unnamed if layer in self._alone]
        if not all(self._is_told(layer, form) for layer in alone):
            return unnamed, _ONE_LEFT
        return tuple(layer for layer in unnamed if layer not in self._alone), _SEVERAL_FIT

    def _is_told(self, layer: int, form: _Alike) -> bool:
        evidence = self._evidence[layer]
        is_lone = evidence == {"neighbour"} and not self._is_called_alike(layer)
        return self._doubts.is_told(layer, evidence, form.layers, is_lone=is_lone)

    def _is_called_alike(self, layer: int) -> bool:
        """Whether another layer, and its group, are called as these two within their cells."""
        own, other = self._endings(layer)
        return any(
            (own and other and _ends(self._endings(n, whole=True), (own, other)))
            or (n in self._beside and self._endings(n) == (own, other))
            for n in self._alone
            if n != layer
        )

    def _endings(self, layer: int, *, whole: bool = False) -> tuple[Tokens, Tokens]:
        """What a layer and its group are called, within the two cells of a neighbour or wholly."""
        own, other = (0, 0) if whole else self._beside[layer]
        group = self._given.groups[self._alone[layer]]
        return self._given.layers[layer].tokens[own:], group.tokens[other:]

    def _left(self, form: _Alike, layers: Sequence[int], reason: str) -> OpenForm:
        taken = {self._alone[n] for n in form.layers if n in self._alone and n not in layers}
        groups = [group for group in form.groups if group not in taken]
        is_told_apart = reason == _SEVERAL_FIT
        candidates = {n: self._same[n] if is_told_apart else tuple(groups) for n in layers}
        in_order: dict[int, int] = {}
        if len(groups) == len(layers) and not self._given.is_sorted:
            in_order = self._by_order(layers)
        alone = self._alone if reason == _ONE_LEFT else {}
        likely = in_order or {n: alone[n] for n in layers if n in alone}
        return OpenForm(candidates, reason, likely, bool(in_order))

    def _by_order(self, layers: Sequence[int]) -> dict[int, int]:
        """The layers and groups of each color in order, where each layer's data reach the next."""
        colors: dict[tuple[int, ...], list[int]] = {}
        for layer in layers:
            colors.setdefault(self._same[layer], []).append(layer)
        flows = self._given.order.flows
        for there, here in colors.items():
            if len(here) != len(there) or not all(flows(a, b) for a, b in combinations(here, 2)):
                return {}
        return {n: g for there, here in colors.items() for n, g in zip(here, there, strict=True)}

    def _why(self, layer: int, form: _Alike) -> Why:
        if layer in self._named:
            return "same name"
        if form.is_forced:
            return "only one of its form"
        evidence = self._evidence[layer]
        return next((why for told, why in _WHY.items() if told in evidence), "the only one left")


def _ends(names: tuple[Tokens, Tokens], endings: tuple[Tokens, Tokens]) -> bool:
    return all(name[-len(end) :] == end for name, end in zip(names, endings, strict=True))


def _form(layer: LayerParty, layout: Layout, there: Collection[Form]) -> Form:
    """The form of a layer that groups have, else the usual one."""
    forms = layer.forms(layout)
    return next((form for form in forms if form in there), forms[0])


def _numbered(own: Sequence[Form], other: Sequence[Form]) -> tuple[list[int], list[int]]:
    numbers: dict[Form, int] = {}
    for form in (*own, *other):
        numbers.setdefault(form, len(numbers))
    return [numbers[form] for form in own], [numbers[form] for form in other]


def _alike(own: Sequence[int], other: Sequence[int]) -> list[_Alike]:
    found: dict[int, tuple[list[int], list[int]]] = {}
    for side, colors in enumerate((own, other)):
        for number, color in enumerate(colors):
            found.setdefault(color, ([], []))[side].append(number)
    return [_Alike(tuple(layers), tuple(groups)) for layers, groups in found.values()]
