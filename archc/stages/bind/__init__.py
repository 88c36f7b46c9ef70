"""Graph to bound graph: every weight gets its place in a checkpoint.

Input: a `Graph` and the tensors of an open checkpoint. Output: a `BoundGraph`. Afterwards: each
weight of the graph has a source of the right number of elements, in the checkpoint or as the
caller's policies say; what a checkpoint lacks, has beyond or has in another shape is one report,
and nothing is read yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import AppliedPolicy, BoundGraph, Graph
from archc.graph.weight import WeightSource
from archc.language.weight_rules import WeightRules
from archc.stages.bind.amend import amend
from archc.stages.bind.assignment import Assignment, assign
from archc.stages.bind.features import FeaturesInstead, features_instead
from archc.stages.bind.mismatch import MISMATCH, report_mismatch
from archc.weights.keras_layout import KerasLayout
from archc.weights.policies import AS_IT_IS, WeightPolicies

__all__ = ["MISMATCH", "FeaturesInstead", "bind_checkpoint", "bind_features"]

FEATURE_ORDER = Rule(
    "weights/feature-order",
    "it cannot be told in which order a layer's features lie in a checkpoint of Keras",
    "Keras flattens height, width, channels, and we channels, height, width; weights follow "
    "features through layers that keep each in its place, and no further.",
)


def bind_checkpoint(
    graph: Graph,
    tensors: Mapping[str, WeightSource],
    rules: WeightRules,
    place: Place,
    reporter: Reporter,
    *,
    spare: Collection[str] = (),
    layout: str | None = None,
    policies: WeightPolicies = AS_IT_IS,
    applied: tuple[AppliedPolicy, ...] = (),
    seed: int = 0,
) -> BoundGraph | Failed:
    """The graph with its weights found in a checkpoint, by name and shape.

    Args:
        graph: the network.
        tensors: those of the checkpoint, by their keys.
        rules: how keys become names.
        place: the checkpoint, for what is reported.
        reporter: told where they do not fit.
        spare: names that the checkpoint may have as well, since a larger network has them.
        layout: how arrays lie, `torch` or `keras`, where the checkpoint itself says it.
        policies: what the caller decides where they do not fit; `head: drop` was carried out.
        applied: the policies that were carried out before.
        seed: what the policies draw weights with.

    Reports:
        weights/mismatch: once, listing all that is missing, left over or mis-shaped.
        weights/feature-order; the rules of the policies.
    """
    found = _assigned(graph, tensors, rules, place, reporter, spare, layout, policies)
    if isinstance(found, Failed):
        return FAILED
    changed = amend(found, policies, seed, place, reporter)
    if found.is_complete:
        if isinstance(changed, Failed):
            return FAILED
        drawn = tuple(name for name in found.graph.owned_weights() if name in found.drawn)
        return BoundGraph(
            graph, found.sources(), not drawn, seed if drawn else None,
            (*applied, *changed), drawn,
        )  # fmt: skip
    return report_mismatch(found, place, reporter)


def bind_features(
    graph: Graph,
    tensors: Mapping[str, WeightSource],
    rules: WeightRules,
    place: Place,
    reporter: Reporter,
    *,
    layout: str | None = None,
    policies: WeightPolicies,
) -> FeaturesInstead | Failed:
    """The outputs that a graph has without the heads that do not fit; see `features_instead`.

    Reports:
        weights/head, weights/unused-policy, weights/feature-order, weights/pattern.
    """
    found = _assigned(graph, tensors, rules, place, reporter, (), layout, policies)
    return FAILED if isinstance(found, Failed) else features_instead(found, place, reporter)


def _assigned(
    graph: Graph,
    tensors: Mapping[str, WeightSource],
    rules: WeightRules,
    place: Place,
    reporter: Reporter,
    spare: Collection[str],
    layout: str | None,
    policies: WeightPolicies,
) -> Assignment | Failed:
    keras = KerasLayout(graph) if (layout or rules.layout) == "keras" else None
    for name, node in {} if keras is None else keras.unknown.items():
        return reporter.error(
            FEATURE_ORDER, f"the order of the features of `{name}` cannot be told", node.place,
            notes=[f"`{node.name}` takes features of an image that another layer has mixed"],
            helps=[
                "put the layers that mix features before the image is flattened",
                "or convert the checkpoint, and write `weights: {layout: torch}`",
            ],
        )  # fmt: skip
    return assign(graph, tensors, rules, keras, policies, place, reporter, spare=spare)
