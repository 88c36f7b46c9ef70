"""Sequences: lists and mappings of layers."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import nearest
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Element
from archc.language.scope import Context, Flow
from archc.language.spec import MODIFIERS
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, kind_of, shown, written
from archc.language.values import LayerValue, Text
from archc.layers.catalog import OPS, layer_class
from archc.stages.elaborate.control import control_bodies, is_control, lacks_do
from archc.stages.elaborate.walk import Run, Walk

NO_SEQUENCE = Rule(
    "layer/no-sequence", "a list or a mapping of layers is wanted",
    "a sequence numbers or names its layers",
)  # fmt: skip
NAMES_WANTED = Rule(
    "layer/names-wanted", "an op stands where a mapping wants names",
    "in a mapping the keys are the layers' names, never ops",
)  # fmt: skip

LONGEST_HELP = 120


def run_sequence(walk: Walk, tree: Tree, context: Context, flow: Flow) -> Run:
    """Runs a list (numbered) or a mapping (named) of layers in the context's scope.

    Reports:
        layer/no-sequence, layer/names-wanted, and what its layers report.
    """
    if isinstance(tree, Mapping):
        return _run_mapping(walk, tree, context, flow)
    if isinstance(tree, Sequence):
        return _run_list(walk, tree, context, flow)
    context.scope.is_whole = False
    message = f"a list or a mapping of layers is wanted here, not {kind_of(tree)}"
    helps = (f"write `[{shown(tree.text)}]`",) if isinstance(tree.value, str) else ()
    return Run(walk.reporter.error(NO_SEQUENCE, message, context.place(tree.span), helps=helps))


def _run_mapping(walk: Walk, tree: Mapping, context: Context, flow: Flow) -> Run:
    elements: list[Element] = []
    context.scope.ahead.update((entry.key.text, entry.key.span) for entry in tree)
    for entry, after in zip(tree, (*tree.entries[1:], None), strict=False):
        if _is_op_for_name(walk, entry, context):
            return Run(_names_wanted(walk, tree, entry, context))
        if after is not None and _is_above(entry, after) and _is_op_for_name(walk, after, context):
            return Run(_not_under(walk, entry, after, context))
        run = walk.modified(entry.value, entry.key, context, flow)
        flow = run.flow
        elements += run.elements
    return Run(flow, tuple(elements))


def _run_list(walk: Walk, tree: Sequence, context: Context, flow: Flow) -> Run:
    elements: list[Element] = []
    for item in tree.items:
        if isinstance(item, Mapping) and (is_control(item) or lacks_do(item)):
            run = _run_control(walk, item, context, flow)
        else:
            run = walk.modified(item, None, context, flow)
        flow = run.flow
        elements += run.elements
    return Run(flow, tuple(elements))


def _run_control(walk: Walk, tree: Mapping, context: Context, flow: Flow) -> Run:
    """Runs a control item: its `do` is spliced into the sequence around it."""
    elements: list[Element] = []
    for body in control_bodies(walk, tree, context):
        run = walk.sequence(body.tree, body.context, flow if body.is_known else FAILED)
        flow = run.flow if body.is_known else FAILED
        elements += run.elements
    return Run(flow, tuple(elements))


def _is_op_for_name(walk: Walk, entry: Entry, context: Context) -> bool:
    """Whether an op with its argument was written where a name with its layer belongs."""
    name = entry.key.text
    block = context.file.block(name)
    if block is None and name not in OPS:
        return False
    value = entry.value
    if isinstance(value, Scalar):
        return _is_argument(walk, value, context)
    if isinstance(value, Mapping) and value.entries:
        first = value.entries[0].key.text
        is_layer = first in OPS or first in MODIFIERS or first == "layers" or "$" in first
        if is_layer or context.file.block(first) is not None:
            return False
        return first in (block.params if block is not None else layer_class(name).model_fields)
    return False


def _is_above(entry: Entry, after: Entry) -> bool:
    """Whether a name without a layer stands above an entry, each on a line of its own."""
    is_empty = isinstance(entry.value, Scalar) and entry.value.is_null
    return is_empty and entry.key.span.line < after.key.span.line


def _not_under(walk: Walk, entry: Entry, op: Entry, context: Context) -> Failed:
    """Reports an op that stands beside its layer's name, where its indentation is lost."""
    context.scope.is_whole = False
    name, word = shown(entry.key.text), op.key.text
    related = (Related(entry.key.span, "this is left empty"),)
    return walk.reporter.error(
        NAMES_WANTED, f"`{word}` stands beside `{name}`, not under it",
        context.place(op.key.span), related=related,
        helps=(f"indent it and its arguments further than `{name}`",),
    )  # fmt: skip


def _is_argument(walk: Walk, scalar: Scalar, context: Context) -> bool:
    """Whether a scalar is an argument of an op, and no layer, nor one misspelt."""
    value = walk.evaluator.scalar(scalar, context)
    if not isinstance(value, Text):
        return not isinstance(value, LayerValue | Failed)
    names = (*OPS, *context.file.block_names)
    return "$" not in scalar.text and value not in names and nearest(value, names) is None


def _names_wanted(walk: Walk, tree: Mapping, entry: Entry, context: Context) -> Failed:
    """Reports an op in the place of a name; the help shows it numbered and named."""
    context.scope.is_whole = False
    entries = tree.entries[tree.entries.index(entry) :]
    is_bare = len(entries) == 1 and isinstance(entry.value, Scalar) and entry.value.is_null
    layer = entry.key.text if is_bare else written(Mapping(entries, tree.span))
    if len(layer) > LONGEST_HELP:
        layer = f"{{{entry.key.text}: …}}"
    return walk.reporter.error(
        NAMES_WANTED,
        f"`{entry.key.text}` is an op, but the keys of a mapping name its layers",
        context.place(entry.key.span),
        label="a name is wanted here",
        helps=(f"number it, `[{layer}]`, or name it, `{{NAME: {layer}}}`",),
    )


__all__ = ["run_sequence"]
