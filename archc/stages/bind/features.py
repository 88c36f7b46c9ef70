"""`--head drop`: the outputs of a network without the heads that do not fit a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import AppliedPolicy
from archc.stages.bind.amend import HEAD, no_head
from archc.stages.bind.assignment import Assignment
from archc.stages.bind.ends import differing_heads, weighted_before
from archc.weights.policies import DROP

FEATURES = "features"
"""The output that a dropped head leaves behind."""


class FeaturesInstead(NamedTuple):
    """What comes out in place of the outputs of heads.

    Attributes:
        outputs: the path of each output, by its name.
        applied: what was dropped.
    """

    outputs: Mapping[str, str]
    applied: AppliedPolicy


def features_instead(
    found: Assignment, place: Place, reporter: Reporter
) -> FeaturesInstead | Failed:
    """The outputs of the network, what enters a head in place of what comes of it.

    Reports:
        weights/head: where nothing is left without a head.
        weights/unused-policy: where every head fits.
    """
    graph = found.graph
    heads = {head.value: head for head in differing_heads(found)}
    if not heads:
        return no_head(DROP, found, place, reporter)
    paths: dict[str, str] = {}
    entered: list[str] = []
    for output in graph.outputs:
        dropped = [v for v in weighted_before(graph, [output.value]) if v in heads]
        value = heads[dropped[0]].node.inputs[0] if dropped else output.value
        if len(dropped) > 1 or graph.node_of(value) is None:
            message = f"without its head nothing is left of the output `{output.name}`"
            return reporter.error(HEAD, message, place, helps=["take `--head init`"])
        paths[output.name] = graph.name_of(value)
        entered += [output.name] if dropped else []
    is_single = len(entered) == 1 and FEATURES not in paths
    names = {name: FEATURES if is_single else f"{name}_{FEATURES}" for name in entered}
    outputs = {names.get(name, name): path for name, path in paths.items()}
    weights = dict.fromkeys(name for head in heads.values() for name in head.weights)
    layers = ", ".join(f"`{head.node.name}`" for head in heads.values())
    given = ", ".join(f"`{name}`" for name in names.values())
    note = f"--head drop: {layers} is left out; what enters it comes out as {given}"
    return FeaturesInstead(outputs, AppliedPolicy("head", DROP, tuple(weights), note))
