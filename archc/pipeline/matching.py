"""Matching: a spec's network, a checkpoint, and the plan that binds them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import AppliedPolicy
from archc.language.library import nowhere, read_source
from archc.language.regular import Pattern, PatternMistake, compile_pattern
from archc.language.weight_rules import PATTERN, WeightRules
from archc.matching.mapped import plan_mapped
from archc.matching.mapping_file import MappingFile, read_mapping, write_mapping
from archc.matching.match import match
from archc.matching.options import BY_RULES, Matching, as_matching
from archc.matching.parties import Layout
from archc.matching.plan import Choice, Plan
from archc.onnx_io.atomic import write_text
from archc.pipeline.networks import Choices, Network, elaborate_network
from archc.pipeline.reading import Spec
from archc.stages.bind.mismatch import MISMATCH
from archc.stages.parse import parse
from archc.weights.checkpoint import Checkpoint, file_place
from archc.weights.policies import WeightPolicies
from archc.weights.readers import open_checkpoint
from archc.weights.shown import shown

UNDECIDED = Rule(
    "weights/undecided",
    "several tensors of a checkpoint fit a weight",
    "Tensors of the same sizes make a model whichever way they are bound, and one way is right: "
    "nothing is guessed.",
)

_CHOICES_SHOWN = 12
_KEYS_SHOWN = 6


_SIZES_SHOWN = 8


class PlannedNetwork(NamedTuple):
    """A network with the plan that binds a checkpoint to it, and notes on reading that."""

    network: Network
    plan: Plan
    notes: tuple[str, ...]


class PlannedRules(NamedTuple):
    """Rules that bind as a plan says, the layout of the file, and the record of it, if any."""

    rules: WeightRules
    layout: Layout
    applied: tuple[AppliedPolicy, ...]


def plan_weights(
    spec: Spec,
    weights: Path,
    reporter: Reporter,
    *,
    choices: Choices,
    matching: Matching = BY_RULES,
    prefix: str = "",
    ignore: tuple[str, ...] = (),
) -> PlannedNetwork | Failed:
    """The plan of a spec's network and a checkpoint, whether or not all is bound.

    Reports:
        the rules of specs, of checkpoints and of mapping files; weights/pattern.
    """
    network = elaborate_network(spec, choices, reporter)
    if isinstance(network, Failed):
        return FAILED
    patterns = _compiled(ignore, reporter)
    checkpoint = open_checkpoint(weights, reporter)
    if isinstance(checkpoint, Failed):
        return FAILED
    with checkpoint:
        if isinstance(patterns, Failed):
            return FAILED
        passes = passed_over(network.graph.left_out, patterns)
        plan = plan_of(network, checkpoint, matching, passes, reporter, prefix=prefix)
        if isinstance(plan, Failed):
            return FAILED
        return PlannedNetwork(network, plan, checkpoint.notes)


def rules_of(
    network: Network,
    checkpoint: Checkpoint,
    policies: WeightPolicies,
    spare: Collection[str],
    reporter: Reporter,
) -> PlannedRules | Failed:
    """The rules that bind a checkpoint as the policies say; what is open is an error.

    What is missing, left over or of other sizes is left to the binder and its policies.

    Reports:
        weights/undecided; the rules of mapping files; weights/pattern.
    """
    patterns = _compiled(policies.ignore, reporter)
    if isinstance(patterns, Failed):
        return FAILED
    matching = as_matching(policies.match, policies.mapping, is_by_order=policies.by_order)
    passes = passed_over(spare, patterns)
    plan = plan_of(network, checkpoint, matching, passes, reporter, prefix=policies.prefix)
    if isinstance(plan, Failed):
        return FAILED
    if plan.choices:
        return report_choices(plan, file_place(checkpoint.path), reporter)
    return PlannedRules(
        plan.as_rules(network.rules, policies.prefix), plan.layout, _record(plan, matching)
    )


def plan_of(
    network: Network,
    checkpoint: Checkpoint,
    matching: Matching,
    ignores: Callable[[str], bool],
    reporter: Reporter,
    *,
    prefix: str = "",
) -> Plan | Failed:
    """The plan of a network and an open checkpoint."""
    if matching.mapping is None:
        return match(
            network.graph, checkpoint.tensors, network.rules, matching.mode,
            said=checkpoint.layout, prefix=prefix, ignores=ignores,
            is_by_order=matching.is_by_order,
        )  # fmt: skip
    mapping = load_mapping(matching.mapping, reporter)
    if isinstance(mapping, Failed):
        return FAILED
    return plan_mapped(
        network.graph, checkpoint.tensors, network.rules, mapping, reporter, ignores=ignores
    )


def load_mapping(path: Path, reporter: Reporter) -> MappingFile | Failed:
    """The mapping file at a path.

    Reports:
        mapping/form, mapping/version; what keeps a text from being YAML.
    """
    source = read_source(path, nowhere(str(path)), reporter)
    if isinstance(source, Failed):
        return FAILED
    tree = parse(source, reporter)
    return FAILED if isinstance(tree, Failed) else read_mapping(tree, reporter)


def write_plan(planned: PlannedNetwork, path: Path, reporter: Reporter) -> bool:
    """Whether the mapping file of a plan was written; a failure leaves what is there as it was.

    Reports:
        build/output.
    """
    graph = planned.network.graph
    text = write_mapping(planned.plan, graph.variant or graph.name)
    return write_text(text, path, reporter)


def passed_over(spare: Collection[str], patterns: Collection[Pattern]) -> Callable[[str], bool]:
    """Whether a name is one of a larger network's, or matches a pattern of the caller."""
    paths = {name.rpartition(".")[0] for name in spare}

    def passes(name: str) -> bool:
        is_spare = name in spare or name.rpartition(".")[0] in paths
        return is_spare or any(pattern.fullmatch(name) is not None for pattern in patterns)

    return passes


def report_choices(plan: Plan, place: Place, reporter: Reporter) -> Failed:
    """Reports what several tensors fit, with the tensors.

    Reports:
        weights/undecided.
    """
    count = sum(len(choice.weights) for choice in plan.choices)
    notes: list[str] = []
    for choice in plan.choices:
        notes.append(f"open: {choice.reason}")
        notes += list(_open_layers(choice))
    if len(notes) > _CHOICES_SHOWN:
        notes = [
            *notes[:_CHOICES_SHOWN],
            f"as well: {len(notes) - _CHOICES_SHOWN} lines like these",
        ]
    helps = (
        "write the plan with `archc weights match SPEC FILE -o mapping.yaml`, choose there, and "
        "give it: `--mapping mapping.yaml`",
    )
    s = "s" * (count != 1)
    message = f"the names and sizes in the checkpoint leave {count} weight{s} open"
    return reporter.error(UNDECIDED, message, place, notes=notes, helps=helps)


def _open_layers(choice: Choice) -> Iterator[str]:
    """A line for each layer of a choice, with the prefixes of the tensors that it may be."""
    layers = {weight.rpartition(".")[0]: keys for weight, keys in choice.weights.items()}
    for layer, keys in layers.items():
        names = [key.rpartition(".")[0] or key for key in keys]
        listed = ", ".join(f"`{shown(name)}`" for name in names[:_KEYS_SHOWN])
        more = f" and {len(names) - _KEYS_SHOWN} more" if len(names) > _KEYS_SHOWN else ""
        yield f"`{layer}` may be {listed}{more}"


def report_plan(plan: Plan, place: Place, reporter: Reporter) -> Failed | None:
    """Reports what of a plan is open, missing, left over or of other sizes.

    Reports:
        weights/undecided, weights/mismatch.
    """
    failed = report_choices(plan, place, reporter) if plan.choices else None
    misfits = {match.weight: match for match in plan.misfits}
    meant = {match.key for match in plan.misfits}
    lines = {
        "missing": [f"`{n}` {list(s)}" for n, s in plan.missing.items() if n not in misfits],
        "unexpected": [
            f"`{shown(k)}` {list(s)}" for k, s in plan.unexpected.items() if k not in meant
        ],
        "of another shape": [
            f"`{m.weight}` is {list(m.stored)} in the file (`{shown(m.key)}`), "
            f"the spec wants {list(m.shape)}"
            for m in plan.misfits
        ],
    }
    counts = ", ".join(f"{len(items)} {what}" for what, items in lines.items() if items)
    if not counts:
        return failed
    notes: list[str] = []
    for what, items in lines.items():
        notes += [f"{what}: {item}" for item in items[:_SIZES_SHOWN]]
        if len(items) > _SIZES_SHOWN:
            notes.append(f"{what} as well: {len(items) - _SIZES_SHOWN} more")
    message = f"the checkpoint does not fit the spec: {counts}"
    return reporter.error(MISMATCH, message, place, notes=notes)


def _record(plan: Plan, matching: Matching) -> tuple[AppliedPolicy, ...]:
    """What is recorded of a matching where names alone did not bind all."""
    reasons = [m.why for m in plan.matches if m.why not in {"same name", "rule"}]
    if not reasons:
        return ()
    count = f"{len(reasons)} of {len(plan.matches)} weights"
    if matching.mapping is not None:
        note = f"bound {count} as `{matching.mapping}` says"
        return (AppliedPolicy("mapping", matching.mapping.name, (), note),)
    note = f"bound {count} by structure: `archc weights match` shows how"
    left = [f"`{shown(m.key)}` for `{m.weight}`" for m in plan.misfits if m.why != "same name"]
    note += f", and took {', '.join(left)}, of other sizes" if left else ""
    policy = "match" if "order of the file" not in reasons else "match by order"
    return (AppliedPolicy(policy, matching.mode, (), note),)


def _compiled(ignore: tuple[str, ...], reporter: Reporter) -> tuple[Pattern, ...] | Failed:
    found: list[Pattern] = []
    for text in ignore:
        try:
            found.append(compile_pattern(text))
        except PatternMistake as error:
            message = f"`{shown(text)}` is no pattern: {error}"
            return reporter.error(PATTERN, message, nowhere(f"--ignore {text}"))
    return tuple(found)
