"""Networks: a spec and the caller's choices elaborated, with what stands beside the layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from archc.diagnostics.diagnostic import Diagnostic, Related, Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Graph
from archc.language.arguments import construct
from archc.language.scope import Origin
from archc.language.settings import literal, to_tree
from archc.language.spec import SpecFile
from archc.language.tree import TREES, shown
from archc.language.values import Argument, Text
from archc.pipeline.reading import Spec
from archc.stages.elaborate import check_library, elaborate_spec, is_complete, root_context

if TYPE_CHECKING:
    from archc.language.weight_rules import WeightRules
    from archc.runtime.preprocess import Preprocess

VARIANT_NEEDED = Rule(
    "variant/needed", "the defaults are incomplete and no variant is named",
    "A parameter without a default gets its value from a variant or from the caller.",
)  # fmt: skip
LABELS = Rule(
    "labels/count",
    "there are not as many labels as classes",
    "A name beside the wrong class is worse than none.",
)
OUTPUT_NAME = Rule(
    "outputs/name", "an output that the caller picks has a name that is none",
    "It becomes the name of the model's output.",
)  # fmt: skip
NAME_TAKEN = Rule(
    "outputs/name-taken", "an output has the name of an input or of a weight",
    "The inputs, weights and outputs of a model share one space of names.",
)  # fmt: skip
_OUTPUT_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class Network(NamedTuple):
    """An elaborated network with what a built model carries beside it."""

    spec: SpecFile
    graph: Graph
    rules: WeightRules
    preprocess: Preprocess | None
    labels: tuple[str, ...]


class Validation(NamedTuple):
    """What a spec was found to be: a graph for the defaults or each variant, and the warnings."""

    spec: Spec
    graphs: tuple[Graph, ...]
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller chooses of a spec.

    Attributes:
        variant: one of its variants.
        settings: parameters and symbolic sizes by name, as Python values or as trees of YAML.
        outputs: the paths of picked outputs by their names, instead of the spec's.
    """

    variant: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


def validate_spec(spec: Spec, choices: Choices, reporter: Reporter) -> tuple[Graph, ...]:
    """The graphs of a spec: of the chosen variant, or of complete defaults and every variant."""
    file = spec.file
    if file.is_library:
        check_library(file, reporter)
        return ()
    chosen = choices.variant or spec.variant
    complete = is_complete(file, choices.settings)
    variants: list[str | None] = [chosen]
    if chosen is None:
        variants = [*([None] if complete else []), *file.variants]
    if not variants:
        _variant_needed(spec, reporter)
    values, outputs = _arguments(file, choices, reporter)
    found: list[Graph] = []
    for variant in variants:
        graph = elaborate_spec(file, reporter, variant=variant, values=values, outputs=outputs)
        if isinstance(graph, Graph):
            found.append(graph)
            _beside(spec, reporter, graph, variant, values, picked=bool(outputs))
        else:
            _read_beside(spec, reporter, variant, values)
    return tuple(found)


def _variant_needed(spec: Spec, reporter: Reporter) -> Failed:
    open_ones = [p for p in spec.file.params.values() if p.default is None and p.type is not None]
    names = ", ".join(f"`{p.name}`" for p in open_ones)
    listed = ", ".join(spec.variants[:12])
    helps = (f"name a variant: {listed}" if listed else f"set it: `--set {open_ones[0].name}=…`",)
    have = "has" if len(open_ones) == 1 else "have"
    message = f"{names} of `{spec.name}` {have} no default, so a variant is needed"
    return reporter.error(VARIANT_NEEDED, message, Place(open_ones[0].span), helps=helps)


def elaborate_network(spec: Spec, choices: Choices, reporter: Reporter) -> Network | Failed:
    """The network of a spec and the caller's choices."""
    file = spec.file
    variant = choices.variant or spec.variant
    if variant is None and not file.is_library and not is_complete(file, choices.settings):
        return _variant_needed(spec, reporter)
    values, outputs = _arguments(file, choices, reporter)
    graph = elaborate_spec(file, reporter, variant=variant, values=values, outputs=outputs)
    if isinstance(graph, Failed):
        _read_beside(spec, reporter, variant, values)
        return FAILED
    beside = _beside(spec, reporter, graph, variant, values, picked=bool(outputs))
    if isinstance(beside, Failed):
        return FAILED
    rules, preprocess, labels = beside
    return Network(file, graph, rules, preprocess, labels)


def _arguments(
    file: SpecFile, choices: Choices, reporter: Reporter
) -> tuple[dict[str, Argument], dict[str, Argument]]:
    """What the caller sets, and the paths of the outputs that the caller picks, by name."""
    values = {}
    for name, value in choices.settings.items():
        tree = value if isinstance(value, TREES) else to_tree(value, f"--set {name}")
        values[name] = literal(tree, file)
    outputs = {}
    for name, path in choices.outputs.items():
        tree = to_tree(path, f"--output {name}={path}")
        if not _OUTPUT_NAME.fullmatch(name):
            message = f"`{shown(name)}` is no name: names have letters, digits, `_`, `-` and dots"
            plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "output"
            helps = (f"write `--output {plain}={path}`",)
            reporter.error(OUTPUT_NAME, message, Place(tree.span), helps=helps)
        outputs[name] = Argument(Text(path, Origin(file, None)), tree, Place(tree.span))
    return values, outputs


def _read_beside(
    spec: Spec, reporter: Reporter, variant: str | None, values: Mapping[str, Argument]
) -> tuple[WeightRules, Preprocess | None, tuple[str, ...]] | Failed:
    """What stands in a spec beside its layers: the rules for weights, preprocessing, labels."""
    from archc.language.labels import read_labels
    from archc.language.weight_rules import read_weight_rules

    file = spec.file
    rules = read_weight_rules(file.weights, reporter)
    preprocess = _preprocess(spec, reporter, variant, values)
    labels: tuple[str, ...] | Failed = ()
    if file.labels is not None:
        labels = read_labels(file.labels, file.source.name, reporter)
    if isinstance(rules, Failed) or isinstance(preprocess, Failed) or isinstance(labels, Failed):
        return FAILED
    return rules, preprocess, labels


def _beside(
    spec: Spec,
    reporter: Reporter,
    graph: Graph,
    variant: str | None,
    values: Mapping[str, Argument],
    *,
    picked: bool,
) -> tuple[WeightRules, Preprocess | None, tuple[str, ...]] | Failed:
    """The same, compared with the graph that it stands beside."""
    named = _check_names(graph, reporter)
    beside = _read_beside(spec, reporter, variant, values)
    if isinstance(named, Failed) or isinstance(beside, Failed):
        return FAILED
    rules, preprocess, labels = beside
    if spec.file.labels is not None:
        place = None if picked else Place(spec.file.labels.span)
        labels = _labels_that_fit(labels, place, graph, reporter)
    return rules, preprocess, labels


def _check_names(graph: Graph, reporter: Reporter) -> Failed | None:
    """Reports the outputs that have the name of an input or of a weight."""
    taken = dict.fromkeys(graph.owned_weights(), "a weight")
    taken |= {entry.name: "an input" for entry in graph.inputs}
    failed: Failed | None = None
    for output in graph.outputs:
        if output.name in taken:
            message = f"the output `{output.name}` has the name of {taken[output.name]}"
            helps = ("give it a name of its own under `outputs`",)
            related = [
                Related(i.place.span, "the input") for i in graph.inputs if i.name == output.name
            ]
            failed = reporter.error(NAME_TAKEN, message, output.place, related=related, helps=helps)
    return failed


def _labels_that_fit(
    labels: tuple[str, ...], place: Place | None, graph: Graph, reporter: Reporter
) -> tuple[str, ...]:
    """The labels, where they are as many as the first output has classes.

    Without a place nothing is said of others: outputs that the caller picks need not be classes.
    """
    output = graph.outputs[0]
    given = graph.type_of(output.value)
    classes = given.sizes[0] if given.sizes else 0
    # Positions, as `argmax` gives them, stand for classes that are counted nowhere in their type.
    if classes == len(labels) or not given.dtype.is_float:
        return labels
    if place is None:
        return ()
    message = f"there are {len(labels)} labels, but `{output.name}` has {classes} classes"
    notes = ("the model gets no labels",)
    helps = (f"name all {classes} classes, or leave `labels` out",)
    reporter.warning(LABELS, message, place, notes=notes, helps=helps)
    return ()


def _preprocess(
    spec: Spec, reporter: Reporter, variant: str | None, values: Mapping[str, Argument]
) -> Preprocess | Failed | None:
    tree = spec.file.preprocess
    if tree is None or (variant is not None and variant not in spec.file.variants):
        return None
    from archc.runtime.preprocess import Preprocess

    evaluator, context = root_context(spec.file, reporter, variant=variant, values=values)
    arguments = {
        key: evaluator.argument(e.value, context)
        for e in tree
        if not isinstance(key := evaluator.key(e.key, context), Failed)
    }
    return construct(Preprocess, arguments, "`preprocess`", Place(tree.span), reporter)
