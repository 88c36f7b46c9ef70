"""The stages in order. Read this file first.

    spec.yaml ─ parse ─► Tree ─ read ─► SpecFile ─ elaborate ─► Graph ─ bind ─► BoundGraph
              ─ lower ─► ModelDef ─ write ─► model.onnx

Every mistake on the way is a diagnostic in the reporter, and nothing is written then. `archc.api`
wraps these functions for Python programs and raises `SpecError` instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeVar

from archc.diagnostics.diagnostic import Diagnostic, Rule
from archc.diagnostics.place import Place, Source
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import BoundGraph, Graph
from archc.language.arguments import construct
from archc.language.library import find_import, find_spec, not_found, nowhere, read_source
from archc.language.scope import Origin
from archc.language.settings import literal, to_tree
from archc.language.spec import SpecFile
from archc.language.tree import TREES, Scalar, shown
from archc.language.values import Argument, Text
from archc.stages.elaborate import check_library, elaborate_spec, is_complete, root_context
from archc.stages.parse import parse
from archc.stages.read import link, read

if TYPE_CHECKING:
    from archc.language.weight_rules import WeightRules
    from archc.onnx_io.writer import Progress
    from archc.runtime.preprocess import Preprocess
    from archc.weights.checkpoint import Checkpoint

T = TypeVar("T")

SpecName: TypeAlias = str | Path
"""A path of a spec file, or the name of a built-in spec or of one of its variants."""

VARIANT_NEEDED = Rule(
    "variant/needed", "the defaults are incomplete and no variant is named",
    "a parameter without a default gets its value from a variant or from the caller",
)  # fmt: skip
LABELS = Rule(
    "labels/count",
    "there are not as many labels as classes",
    "a name beside the wrong class is worse than none",
)
OUTPUT_NAME = Rule(
    "outputs/name", "an output that the caller picks has a name that is none",
    "it becomes the name of the model's output",
)  # fmt: skip
NAME_TAKEN = Rule(
    "outputs/name-taken", "an output is called as an input or a weight is",
    "the inputs, weights and outputs of a model share one space of names",
)  # fmt: skip
OPSET = Rule(
    "build/opset", "an opset is not one that is written",
    "operators differ from version to version; these are the tested ones",
)  # fmt: skip
OUTPUT = Rule(
    "build/output", "the output cannot be written", "what is written is complete or absent"
)

DEFAULT_OPSET = 17

_OUTPUT_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec that was read: its file, and the variant that its name means, if any."""

    file: SpecFile
    variant: str | None

    @property
    def name(self) -> str:
        """The spec's own name."""
        return self.file.name

    @property
    def description(self) -> str:
        """What the spec says of itself."""
        return self.file.description

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of its variants."""
        return tuple(self.file.variants)


@dataclass(frozen=True, slots=True)
class Network:
    """An elaborated network with what a built model carries beside it."""

    spec: SpecFile
    graph: Graph
    rules: WeightRules
    preprocess: Preprocess | None
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """What a spec was found to be: a graph for the defaults or each variant, and the warnings."""

    spec: Spec
    graphs: tuple[Graph, ...]
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build wrote.

    Attributes:
        graph: the network.
        path: the model's file, None for bytes or a stream.
        external_path: the file of the weights beside it, if there is one.
        bytes_written: the bytes of both.
        weights_digest: SHA-256 over the weights' names, types, shapes and elements.
        is_trained: whether the weights come from a checkpoint.
        seed: what they were drawn with, where they do not.
        notes: what was decided in reading the checkpoint.
        warnings: what the compiler warns of.
    """

    graph: Graph
    path: Path | None
    external_path: Path | None
    bytes_written: int
    weights_digest: str
    is_trained: bool
    seed: int | None
    notes: tuple[str, ...] = ()
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


# The stages, for commands: mistakes go to the reporter.


def load_spec(name: SpecName, reporter: Reporter) -> Spec | Failed:
    """The spec of a path or a built-in name, read with its imports."""
    found = find_spec(str(name))
    if found is None:
        return not_found(str(name), nowhere(str(name)), reporter)
    path, variant = found
    source = read_source(path, nowhere(str(path)), reporter)
    return FAILED if isinstance(source, Failed) else read_spec(source, reporter, variant)


def read_spec(source: Source, reporter: Reporter, variant: str | None = None) -> Spec | Failed:
    """The spec of a text; its imports are looked up beside the source's name."""
    file = _read_files(source, reporter)
    return FAILED if isinstance(file, Failed) else Spec(file, variant)


def _read_files(source: Source, reporter: Reporter) -> SpecFile | Failed:
    """The file of a text, linked with all that it imports, directly or not; cycles are no harm."""
    spec = _read_file(source, reporter)
    if isinstance(spec, Failed):
        return FAILED
    known: dict[Path, SpecFile | Failed] = {Path(source.name).resolve(): spec}
    waiting = [spec]
    while waiting:
        file = waiting.pop(0)
        found = [(item, _import(item, file, known, waiting, reporter)) for item in file.imports]
        link(file, found, reporter)
    return spec


def _read_file(source: Source, reporter: Reporter) -> SpecFile | Failed:
    tree = parse(source, reporter)
    return FAILED if isinstance(tree, Failed) else read(source, tree, reporter)


def _import(
    item: Scalar,
    file: SpecFile,
    known: dict[Path, SpecFile | Failed],
    waiting: list[SpecFile],
    reporter: Reporter,
) -> SpecFile | Failed:
    """The file that an import names, read when it is first met."""
    path = find_import(item.text, file.source)
    if path is None:
        return not_found(item.text, Place(item.span), reporter)
    key = path.resolve()
    if key not in known:
        source = read_source(path, Place(item.span), reporter)
        imported = FAILED if isinstance(source, Failed) else _read_file(source, reporter)
        known[key] = imported
        if isinstance(imported, SpecFile):
            waiting.append(imported)
    return known[key]


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
            reporter.error(OUTPUT_NAME, message, Place(tree.span))
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
            message = f"the output `{output.name}` is called as {taken[output.name]} is"
            helps = ("give it a name of its own under `outputs`",)
            failed = reporter.error(NAME_TAKEN, message, output.place, helps=helps)
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
    helps = ("the model gets no labels; name them in the spec",)
    reporter.warning(LABELS, message, place, helps=helps)
    return ()


def _preprocess(
    spec: Spec, reporter: Reporter, variant: str | None, values: Mapping[str, Argument]
) -> Preprocess | Failed | None:
    tree = spec.file.preprocess
    if tree is None:
        return None
    from archc.runtime.preprocess import Preprocess

    evaluator, context = root_context(spec.file, reporter, variant=variant, values=values)
    arguments = {
        key: evaluator.argument(e.value, context)
        for e in tree
        if not isinstance(key := evaluator.key(e.key, context), Failed)
    }
    return construct(Preprocess, arguments, "`preprocess`", Place(tree.span), reporter)


def build_model(
    spec: Spec,
    target: Path | BinaryIO,
    reporter: Reporter,
    *,
    choices: Choices,
    weights: Path | None = None,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
    external_data: bool | None = None,
    progress: Progress | None = None,
) -> BuildResult | Failed:
    """What was written for a spec; on a mistake nothing is, and the target is as it was."""
    from archc.onnx_io.model import OPSETS

    if opset not in OPSETS:
        first, last = min(OPSETS), max(OPSETS)
        message = f"opset {opset} is not written; {first} to {last} are"
        return reporter.error(OPSET, message, nowhere(f"--opset {opset}"))
    network = elaborate_network(spec, choices, reporter)
    if isinstance(network, Failed):
        return FAILED
    if weights is None:
        from archc.stages.draw import bind_drawn

        bound = bind_drawn(network.graph, seed)
        return _write(network, bound, None, target, reporter, opset, external_data, progress)
    from archc.stages.bind import bind_checkpoint
    from archc.weights.checkpoint import file_place
    from archc.weights.readers import open_checkpoint

    checkpoint = open_checkpoint(weights, reporter)
    if isinstance(checkpoint, Failed):
        return FAILED
    with checkpoint:
        place = file_place(str(weights))
        found = bind_checkpoint(
            network.graph, checkpoint.tensors, network.rules, place, reporter,
            spare=_spare_weights(network.graph, spec, choices),
        )  # fmt: skip
        if isinstance(found, Failed):
            return FAILED
        return _write(network, found, checkpoint, target, reporter, opset, external_data, progress)


def _spare_weights(graph: Graph, spec: Spec, choices: Choices) -> Collection[str]:
    """The weights of the spec's layers that no output needs, side outputs not picked included."""
    if not choices.outputs:
        return graph.left_out
    whole = elaborate_network(spec, replace(choices, outputs={}), Reporter())
    if isinstance(whole, Failed):
        return graph.left_out
    return {*graph.left_out, *whole.graph.left_out, *whole.graph.owned_weights()}


def _write(
    network: Network,
    bound: BoundGraph,
    checkpoint: Checkpoint | None,
    target: Path | BinaryIO,
    reporter: Reporter,
    opset: int,
    external_data: bool | None,
    progress: Progress | None,
) -> BuildResult | Failed:
    from archc.onnx_io.writer import write_model
    from archc.stages.describe import DIGEST_KEY, properties
    from archc.stages.lower import lower

    model = lower(
        bound,
        opset=opset,
        metadata=properties(bound, network.spec, network.preprocess, network.labels),
    )
    place = nowhere(str(target) if isinstance(target, Path) else "standard output")
    try:
        written = write_model(
            model, target, reporter=reporter, place=place, external=external_data,
            digest_key=DIGEST_KEY, progress=progress,
        )  # fmt: skip
    except BrokenPipeError:
        raise
    except OSError as error:
        if checkpoint is not None and error.filename == checkpoint.path:
            from archc.weights.readers import report_unreadable

            return report_unreadable(error, checkpoint.path, reporter)
        message = f"it cannot be written: {(error.strerror or str(error)).lower()}"
        return reporter.error(OUTPUT, message, place)
    if isinstance(written, Failed):
        return FAILED
    path = target if isinstance(target, Path) else None
    return BuildResult(
        network.graph, path, written.external_path, written.bytes_written, written.weights_digest,
        bound.is_trained, bound.seed, () if checkpoint is None else checkpoint.notes,
        reporter.diagnostics,
    )  # fmt: skip


def check_form(graph: Graph, opset: int = DEFAULT_OPSET) -> None:
    """Checks that the ONNX form of a network has the shapes that its types promise.

    No weight is drawn or written for it.

    Raises:
        InternalError: it has not.
    """
    from archc.onnx_io.check import check_model
    from archc.onnx_io.encode import encode_model
    from archc.stages.draw import bind_drawn
    from archc.stages.lower import lower

    model = lower(bind_drawn(graph, seed=0), opset=opset)
    elsewhere = {
        i.name: ("weights", 0) for i in model.initializers if not isinstance(i.source, bytes)
    }
    pieces = encode_model(model, elsewhere)
    check_model(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
