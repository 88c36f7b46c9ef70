"""The plan of a matching: which tensor is which weight and why, and what is still open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from typing_extensions import override

from archc.language.weight_rules import WeightRules
from archc.matching.parties import Layout

Why: TypeAlias = Literal[
    "same name",
    "rule",
    "only one of its form",
    "told by numbers",
    "told by its place",
    "told by names",
    "the only one left",
    "order of the file",
    "mapping",
]
"""Why a tensor was bound to a weight."""


class Match(NamedTuple):
    """A weight of the spec and the tensor that is bound to it.

    Attributes:
        weight: the full name in the spec.
        key: the key in the file.
        shape: the sizes that the spec wants.
        stored: those in the file.
        why: what binds them.
        is_transposed: whether the axes stand in another order in the file.
    """

    weight: str
    key: str
    shape: tuple[int, ...]
    stored: tuple[int, ...]
    why: Why
    is_transposed: bool

    @property
    def changes(self) -> tuple[str, ...]:
        """What becomes of the tensor: kept, or renamed, transposed, reshaped."""
        changes = {
            "renamed": self.weight != self.key,
            "transposed": self.is_transposed,
            "reshaped": not self.is_transposed and self.shape != self.stored,
        }
        return tuple(word for word, happens in changes.items() if happens) or ("kept",)


class Choice(NamedTuple):
    """Weights that several tensors fit.

    Attributes:
        weights: the weights of layers of one form by their names, with the keys that each may be.
        reason: why nothing was chosen.
        likely: the key that the file's order, or what little is known, speaks for.
    """

    weights: Mapping[str, tuple[str, ...]]
    reason: str
    likely: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """Which tensor of a checkpoint is which weight of a network.

    Attributes:
        matches: what is bound, in the network's order.
        choices: what is open.
        missing: weights that no tensor fits, with the sizes wanted.
        unexpected: tensors that fit no weight, with their sizes.
        ignored: keys that are passed over.
        misfits: weights that are missing, with tensors of other sizes that seem to be meant.
        layout: the layout of the file.
        names: the names of all keys by the spec's rules.
        named: the keys whose names are those of weights, whatever they are bound to.
        shapes: the sizes of all tensors by their keys.
    """

    matches: tuple[Match, ...]
    choices: tuple[Choice, ...]
    missing: Mapping[str, tuple[int, ...]]
    unexpected: Mapping[str, tuple[int, ...]]
    ignored: tuple[str, ...]
    misfits: tuple[Match, ...]
    layout: Layout
    names: Mapping[str, str]
    named: frozenset[str]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def is_complete(self) -> bool:
        """Whether each weight has its tensor, and each tensor its weight."""
        return not (self.choices or self.missing or self.unexpected)

    def as_rules(self, rules: WeightRules, prefix: str = "") -> WeightRules:
        """Rules by which each key becomes what the plan binds it to, and no other a weight.

        Args:
            rules: those of the spec, which say what is passed over.
            prefix: what is taken off keys before rules apply.
        """
        names = {
            key: f"{key} (not bound)" if key in self.named else name
            for key, name in self.names.items()
        }
        names |= {match.key: match.weight for match in (*self.matches, *self.misfits)}
        planned = {key.removeprefix(prefix): name for key, name in names.items()}
        passed = frozenset(names[key] for key in self.ignored)
        return PlannedRules(self.layout, ignore=rules.ignore, planned=planned, passed=passed)


@dataclass(frozen=True, slots=True)
class PlannedRules(WeightRules):
    """Rules that name each key.

    Attributes:
        planned: the name of each key.
        passed: the names that are passed over.
    """

    planned: Mapping[str, str] = field(default_factory=dict)
    passed: frozenset[str] = frozenset()

    @override
    def renamed(self, key: str) -> str:
        return self.planned.get(key, key)

    @override
    def ignores(self, name: str) -> bool:
        return name in self.passed or WeightRules.ignores(self, name)
