"""Binding: a network and a checkpoint, with what the caller decides where they do not fit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.errors import InternalError
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import AppliedPolicy, BoundGraph, Graph
from archc.language.library import nowhere
from archc.language.tree import shown
from archc.matching.options import BY_RULES, MODES
from archc.pipeline.networks import Choices, Network, elaborate_network
from archc.pipeline.reading import Spec
from archc.stages.bind import bind_checkpoint, bind_features
from archc.weights.checkpoint import ONNX_MODEL, Checkpoint, file_place
from archc.weights.policies import AS_IT_IS, DROP, HEADS, STEMS, WeightPolicies

CHOICE = Rule(
    "weights/policy", "a policy for weights is none",
    "Each way to make a checkpoint fit has a name.",
)  # fmt: skip
NO_WEIGHTS = Rule(
    "weights/policy-without-checkpoint",
    "a policy for weights is given without a checkpoint",
    "Policies say how a checkpoint that does not fit becomes the weights of a network.",
)


class BoundNetwork(NamedTuple):
    """A network, without its head where it was dropped, and its graph with its weights."""

    network: Network
    bound: BoundGraph


def check_policies(
    policies: WeightPolicies, reporter: Reporter, *, has_weights: bool
) -> Failed | None:
    """Reports policies that are none, and those without a checkpoint.

    Reports:
        weights/policy, weights/policy-without-checkpoint.
    """
    failed: Failed | None = None
    for option, choice, known in (
        ("head", policies.head, HEADS),
        ("stem", policies.stem, STEMS),
        ("match", policies.match, MODES),
    ):
        if choice is not None and choice not in known:
            listed = ", ".join(f"`{name}`" for name in known)
            message = f"`{option}` is one of {listed}, not `{shown(choice)}`"
            helps = did_you_mean(choice, known)
            failed = reporter.error(CHOICE, message, nowhere(f"--{option} {choice}"), helps=helps)
    if policies.by_order and policies.match != "auto":
        message = "`by_order` decides what `match: auto` leaves open, and nothing else"
        helps = ("write `--match auto --by-order`",)
        failed = reporter.error(CHOICE, message, nowhere("--by-order"), helps=helps)
    if policies != AS_IT_IS and not has_weights:
        message = "policies for weights are given, but no checkpoint"
        helps = ("give one: `--weights FILE`",)
        failed = reporter.error(NO_WEIGHTS, message, nowhere("--weights"), helps=helps)
    return failed


def bind_weights(
    network: Network,
    spec: Spec,
    choices: Choices,
    checkpoint: Checkpoint,
    policies: WeightPolicies,
    seed: int,
    reporter: Reporter,
) -> BoundNetwork | Failed:
    """The network with its weights from a checkpoint, and from the seed where policies say so."""
    graph, rules = network.graph, network.rules
    place, spare = file_place(checkpoint.path), spare_weights(graph, spec, choices)
    if isinstance(_check_unfolded(checkpoint, reporter), Failed):
        return FAILED
    layout: str | None = checkpoint.layout
    applied: tuple[AppliedPolicy, ...] = ()
    if policies.match != BY_RULES.mode or policies.mapping is not None:
        from archc.pipeline.matching import rules_of

        planned = rules_of(network, checkpoint, policies, spare, reporter)
        if isinstance(planned, Failed):
            return FAILED
        rules, layout, applied = planned
    if policies.head == DROP:
        instead = bind_features(
            graph, checkpoint.tensors, rules, place, reporter,
            layout=layout, policies=policies,
        )  # fmt: skip
        if isinstance(instead, Failed):
            return FAILED
        applied, spare = (*applied, instead.applied), {*spare, *graph.owned_weights()}
        policies = replace(policies, head=None)
        headless = elaborate_network(spec, replace(choices, outputs=instead.outputs), Reporter())
        if isinstance(headless, Failed):  # each path is that of a layer of the same spec
            raise InternalError(f"no network has the outputs {dict(instead.outputs)}")
        network = headless._replace(labels=())
    bound = bind_checkpoint(
        network.graph, checkpoint.tensors, rules, place, reporter,
        spare=spare, layout=layout, policies=policies, applied=applied, seed=seed,
    )  # fmt: skip
    return FAILED if isinstance(bound, Failed) else BoundNetwork(network, bound)


def _check_unfolded(checkpoint: Checkpoint, reporter: Reporter) -> Failed | None:
    if checkpoint.format != ONNX_MODEL:
        return None
    from archc.onnx_io.reader import read_metadata
    from archc.pipeline.folded import check_unfolded
    from archc.runtime.metadata import parse_metadata

    record = parse_metadata(read_metadata(Path(checkpoint.path)))
    return check_unfolded(record, checkpoint.path, reporter)


def spare_weights(graph: Graph, spec: Spec, choices: Choices) -> Collection[str]:
    """The weights of the spec's layers that no output needs, side outputs not picked included."""
    if not choices.outputs:
        return graph.left_out
    whole = elaborate_network(spec, replace(choices, outputs={}), Reporter())
    if isinstance(whole, Failed):
        return graph.left_out
    return {*graph.left_out, *whole.graph.left_out, *whole.graph.owned_weights()}
