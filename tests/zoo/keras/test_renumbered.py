"""Files of Keras's networks whose layers have other numbers: bound rightly, or not at all.

Keras numbers layers without names by their kind, on and on in a session. The tables have all that
counts here: names of layers in Keras's order, and the sizes of their variables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache

import pytest

import archc
from archc.graph.graph import Graph
from archc.matching.plan import Plan
from tests.unit.matching.networks import Sizes, plan_of
from tests.zoo.keras.network import networks, table

RENUMBERED = ("inception_v3", "inception_resnet_v2", "xception", "efficientnetb0")
"""The networks in which Keras leaves layers without names."""

PARALLEL = ("inception_v3", "resnet50", "mobilenet_v2", "efficientnetb0")
"""Networks with layers side by side, where numbers by kind and depth are others than by making."""

NUMBERED = re.compile(r"(conv2d|batch_normalization|normalization)(?:_(\d+))?")


@cache
def graph_of(name: str) -> Graph:
    (network,) = (network for network in networks() if str(network) == name)
    return archc.elaborate(network.name, settings=network.settings)


def kind_of(variables: Mapping[str, tuple[int, ...]]) -> str:
    """The kind of a layer, as Keras's groups are called."""
    if "pointwise_kernel" in variables:
        return "separable_conv2d"
    if "depthwise_kernel" in variables:
        return "depthwise_conv2d"
    if "moving_mean" in variables:
        return "batch_normalization"
    if "mean" in variables:
        return "normalization"
    return "conv2d" if len(variables["kernel"]) == 4 else "dense"


def counted(word: str, number: int) -> str:
    return f"{word}_{number}" if number else word


def in_groups(name: str) -> dict[str, str]:
    """The layers in the order of Keras 3's files, each with its group: its kind and a number."""
    counts: Counter[str] = Counter()
    groups = {}
    for layer, variables in table(name).weights.items():
        kind = kind_of(variables)
        groups[layer] = kind, counts[kind]
        counts[kind] += 1
    return {layer: counted(*groups[layer]) for layer in sorted(groups, key=groups.__getitem__)}


def later(name: str, shift: int) -> dict[str, str]:
    """What layers are called where a session has made others before, of one kind more than one."""
    names = {}
    for layer in table(name).weights:
        found = NUMBERED.fullmatch(layer)
        if found is None:
            names[layer] = layer
        else:
            before = shift if found[1] == "conv2d" else 2 * shift + 1
            names[layer] = counted(found[1], int(found[2] or 0) + before)
    return names


def file_of(name: str, names: Mapping[str, str], *, is_numbered: bool) -> dict[str, Sizes]:
    """A file of the layers in this order, their variables by number or by name."""
    return {
        f"{called}.{number if is_numbered else variable}": Sizes(shape)
        for layer, called in names.items()
        for number, (variable, shape) in enumerate(table(name).weights[layer].items())
    }


def wrong(plan: Plan, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The weights that are bound to what is another layer's."""
    pairs = [(match.weight, match.key.rpartition(".")[0]) for match in plan.matches]
    return [(weight, key) for weight, key in pairs if names[weight.partition(".")[0]] != key]


@pytest.mark.parametrize("shift", [1, 4, 94, 203])
@pytest.mark.parametrize("name", RENUMBERED)
def test_a_later_network_of_a_session_is_bound_whole(name: str, shift: int) -> None:
    names = later(name, shift)
    in_order = {layer: names[layer] for layer in in_groups(name)}
    for order, is_numbered in ((names, False), (in_order, True)):
        tensors = file_of(name, order, is_numbered=is_numbered)
        plan = plan_of(graph_of(name), tensors, said="keras")
        assert plan.is_complete
        assert wrong(plan, names) == []


@pytest.mark.parametrize("name", PARALLEL)
def test_a_file_that_says_kinds_alone_is_never_bound_wrongly(name: str) -> None:
    groups = in_groups(name)
    plan = plan_of(graph_of(name), file_of(name, groups, is_numbered=True), said="keras")
    assert not plan.is_complete
    assert plan.matches
    assert wrong(plan, groups) == []
