"""Ops: one node of the graph each, typed as it is made."""

from __future__ import annotations

from collections.abc import Mapping

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Leaf
from archc.graph.layer import Layer
from archc.language.arguments import construct
from archc.language.scope import Context, Flow, Flowing
from archc.language.spec import MODIFIERS
from archc.language.values import Argument, Text, describe
from archc.stages.elaborate.arguments import collect_arguments
from archc.stages.elaborate.checks import LayerCheck
from archc.stages.elaborate.walk import LayerUse, Run, Walk

WRONG_TARGET = Rule(
    "path/wrong-layer", "a path leads to a layer of another kind than is wanted",
    "the layer needs something that only some layers have",
)  # fmt: skip


def run_op(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Run:
    """Makes a node of an op.

    Reports:
        path/wrong-layer, and what its arguments and its type report.
    """
    named = walk.declare(use.name, use.name_span, context)
    result = _typed(walk, cls, use, context, flow)
    named.flow = result
    return Run(result, (Leaf(use.name, result.id),) if isinstance(result, Flowing) else ())


def _typed(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Flow:
    """The output of an op, which becomes a node of the graph."""
    arguments = collect_arguments(walk, use, tuple(cls.model_fields), context)
    if isinstance(arguments, Failed):
        return FAILED
    place = context.place(use.span)
    targets = _targets(walk, cls, arguments, context)
    if cls.path_argument in arguments and isinstance(targets, list):
        argument = arguments[cls.path_argument]
        text = Text(describe(argument.value), context.origin)
        arguments[cls.path_argument] = Argument(text, argument.tree, argument.place)
    layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter, MODIFIERS)
    if isinstance(layer, Failed) or isinstance(targets, Failed) or not isinstance(flow, Flowing):
        return FAILED
    inputs = (flow, *targets)
    name = context.scope.prefix + use.name
    spans = {n: a.place.span for n, a in arguments.items()}
    check = LayerCheck(walk.reporter, walk.builder, name, place, spans, (), inputs)
    output = layer.infer(tuple(i.type for i in inputs), check)
    if isinstance(output, Failed):
        return FAILED
    return walk.builder.add_node(name, layer, inputs, output, place)


def _targets(
    walk: Walk, cls: type[Layer], arguments: Mapping[str, Argument], context: Context
) -> list[Flowing] | Failed:
    """The further inputs of a layer with a path: that layer's output, and its input if wanted."""
    argument = arguments.get(cls.path_argument or "")
    if argument is None:
        return []
    found = walk.path(argument, context)
    if isinstance(found, Failed) or not isinstance(found[1].flow, Flowing):
        return FAILED
    target = found[1].flow
    if cls.path_side is None:
        return [target]
    node = walk.builder.node_of(target.id)
    if node is None or cls.path_side not in node.layer.side_outputs:
        is_what = f"`{node.layer.op}`" if node is not None else "an input"
        message = f"`{found[0]}` is {is_what}, which keeps no {cls.path_side}"
        helps = ("name the max_pool whose maxima are put back",)
        return walk.reporter.error(WRONG_TARGET, message, argument.place, helps=helps)
    source = node.inputs[0]
    return [target, Flowing(source, walk.builder.type_of(source))]
