"""The outputs of the network: paths, side outputs, and the outputs that the caller picks."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import Failed
from archc.graph.graph import Branch, Output
from archc.language.scope import Context, Flow, Flowing, Scope
from archc.language.tree import Entry, Mapping, Scalar, kind_of, shown
from archc.language.values import Argument
from archc.stages.elaborate.branches import run_branch
from archc.stages.elaborate.walk import Walk

NO_OUTPUT = Rule("outputs/none", "the network has no output", "a model gives something back")
NAME_TWICE = Rule(
    "outputs/name-twice", "two outputs have one name", "the model gives an output under its name"
)
UNUSED = Rule(
    "layer/unused", "no output needs a layer", "it is left out of the model, its weights too"
)
OUTPUT_FORM = Rule(
    "outputs/form", "an output is neither a path nor a side output",
    "it names a layer, or has layers of its own in `layers`",
)  # fmt: skip


def run_outputs(
    walk: Walk, tree: Mapping | None, last: Flow, span: Span, context: Context
) -> list[Output] | Failed:
    """The outputs that a spec declares; without any, the last layer as `output`."""
    if tree is None:
        if isinstance(last, Failed):
            return last
        return [Output("output", last.id, context.place(span))]
    outputs: list[Output] = []
    failed: Failed | None = None
    for entry in tree:
        name = walk.name_of(entry.key, context)
        if isinstance(name, Failed):
            failed = name
            continue
        if any(output.name == name for output in outputs):
            message = f"two outputs are called `{name}`"
            failed = walk.reporter.error(NAME_TWICE, message, context.place(entry.key.span))
        output = _run_output(walk, name, entry, last, context)
        if isinstance(output, Failed):
            failed = output
        elif output is not None:
            outputs.append(output)
    if failed is not None:
        return failed
    if not outputs:
        return walk.reporter.error(NO_OUTPUT, "no output is left", context.place(tree.span))
    return outputs


def _run_output(
    walk: Walk, name: str, entry: Entry, last: Flow, context: Context
) -> Output | Failed | None:
    place = context.place(entry.key.span)
    if not isinstance(entry.value, Mapping):
        if isinstance(entry.value, Scalar) and not entry.value.is_null:
            flow = walk.flow_at(entry.value, context)
            return Output(name, flow.id, place) if isinstance(flow, Flowing) else flow
        message = f"the output `{name}` is the path of a layer, not {kind_of(entry.value)}"
        helps = (f"write `{shown(name)}: PATH`, or `{{from: PATH, layers: {{…}}}}`",)
        return walk.reporter.error(OUTPUT_FORM, message, place, helps=helps)
    for part in entry.value:
        if part.key.text not in ("from", "layers", "when"):
            message = f"`{shown(part.key.text)}` is no part of a side output"
            helps = ("write `{from: PATH, layers: {…}}`",)
            at = context.place(part.key.span)
            return walk.reporter.error(OUTPUT_FORM, message, at, helps=helps)
    # A list is numbered from 0 under the output's name, which a scope of layers may have as well.
    known = context.scope.names.get(name)
    beside = known.scope.names if known is not None and known.scope is not None else {}
    scope = Scope(context.scope, f"{name}.", names=beside)
    run = run_branch(walk, entry.value, scope, "", context, last)
    if run is None:
        return None
    flow, start = run.run.flow, run.start
    if not isinstance(flow, Flowing) or not isinstance(start, Flowing):
        return flow if isinstance(flow, Failed) else walk.reporter.error(
            NO_OUTPUT, f"the output `{name}` has no value", place
        )  # fmt: skip
    branch = Branch(start.id, flow.id, run.run.elements, run.is_list)
    return Output(name, flow.id, place, branch)


def pick_outputs(
    walk: Walk, wanted: MappingOf[str, Argument], context: Context
) -> list[Output] | Failed:
    """The outputs that the caller names, instead of the spec's: `{NAME: path}`."""
    outputs: list[Output] = []
    failed: Failed | None = None
    for name, argument in wanted.items():
        found = walk.path(argument, context)
        if isinstance(found, Failed):
            failed = found
            continue
        flow = found[1].flow
        if isinstance(flow, Flowing):
            outputs.append(Output(name, flow.id, argument.place))
        elif isinstance(flow, Failed):
            failed = flow
    return failed if failed is not None else outputs


def warn_unused(walk: Walk, outputs: list[Output]) -> None:
    """Warns of each layer that no output needs and no other layer takes: the end of a dead part.

    Reports:
        layer/unused.
    """
    needed = walk.builder.needed(outputs)
    count = len(walk.builder.inputs)
    taken = {value for node in walk.builder.nodes for value in node.inputs}
    for index, node in enumerate(walk.builder.nodes):
        if count + index not in needed and count + index not in taken:
            message = f"no output needs `{node.name}`"
            helps = ("add it to `outputs`, or leave it out",)
            walk.reporter.warning(UNUSED, message, node.place, helps=helps)
