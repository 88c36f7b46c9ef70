"""Matching a checkpoint with a network, by names, by rules, or by structure as well.

Structure binds what is forced. Layers and groups of one form (the same arrays of the same sizes)
are told apart by where they stand, by numbers and by words in their names (`refinement`). What two
assignments fit stays open, and so does all that structure told as soon as anything contradicts it
(`doubts`): the plan then shows the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from archc.graph.graph import Graph
from archc.graph.weight import WeightSource
from archc.language.weight_rules import WeightRules
from archc.matching.grouping import groups_of, layout_of
from archc.matching.options import Mode
from archc.matching.parties import GroupParty, LayerParty, Layout, layers_of
from archc.matching.plan import Choice, Plan, Why
from archc.matching.plan_maker import PlanMaker
from archc.matching.structure import Bound, OpenForm, by_structure


def match(
    graph: Graph,
    tensors: Mapping[str, WeightSource],
    rules: WeightRules,
    mode: Mode = "auto",
    *,
    said: Layout | None = None,
    prefix: str = "",
    ignores: Callable[[str], bool] = lambda _: False,
    is_by_order: bool = False,
) -> Plan:
    """The plan that binds tensors to the weights of a network; none of them is read.

    Args:
        graph: the network.
        tensors: those of the checkpoint, by their keys.
        rules: how keys become names, and what is passed over.
        mode: by the keys as they are, by the rules, or by the rules and by structure.
        said: the layout that the file itself says it has.
        prefix: taken off the keys that have it, before the rules.
        ignores: whether a name is passed over as well.
        is_by_order: the caller says that what structure leaves open stands in the file as in
            the network.
    """
    names = {key: key.removeprefix(prefix) for key in tensors}
    if mode != "exact":
        names = {key: rules.renamed(name) for key, name in names.items()}
    usual: Layout = "keras" if rules.layout == "keras" else "torch"
    layout = layout_of(names.values(), said, usual) if mode == "auto" else said or usual
    layers = layers_of(graph)

    def is_ignored(key: str, is_weight: bool) -> bool:  # an ignored weight is still taken
        return not is_weight and (rules.ignores(names[key]) or ignores(names[key]))

    matching = PlanMaker(
        graph, layers, tensors, names, layout, is_ignored, is_by_structure=mode == "auto"
    )
    named = matching.by_name()
    if mode != "auto" or matching.is_whole(named):
        return matching.plan(named)
    ignored = frozenset(matching.ignored)
    left = {key: source for key, source in tensors.items() if key not in ignored}
    groups = groups_of(left, names, layers, layout)
    bound = by_structure(layers, groups, layout, is_by_order=is_by_order)
    return matching.plan(*_keys(layers, groups, bound))


def _keys(
    layers: Sequence[LayerParty], groups: Sequence[GroupParty], bound: Bound
) -> tuple[dict[str, tuple[str, Why]], list[Choice]]:
    """The key of each bound weight, and the choices, weight by weight."""
    found = {
        layers[layer].weight_name(what): (key, why)
        for layer, (group, why) in bound.groups.items()
        for what, key in groups[group].keys.items()
    }
    return found, [_choice(layers, groups, form) for form in bound.open_forms]


def _choice(layers: Sequence[LayerParty], groups: Sequence[GroupParty], form: OpenForm) -> Choice:
    weights = {
        layers[layer].weight_name(what): tuple(groups[group].keys[what] for group in candidates)
        for layer, candidates in form.candidates.items()
        for what in [weight.name for weight in layers[layer].weights]
    }
    likely = {
        layers[layer].weight_name(what): key
        for layer, group in form.likely.items()
        for what, key in groups[group].keys.items()
    }
    return Choice(weights, form.reason, likely)
