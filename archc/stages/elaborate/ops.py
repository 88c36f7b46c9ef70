"""Ops: one node of the graph each, typed as it is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Leaf
from archc.graph.layer import Layer
from archc.language.arguments import construct
from archc.language.scope import Context, Flow, Flowing, exact
from archc.language.spec import MODIFIERS
from archc.language.values import Argument, Text, describe
from archc.stages.elaborate.arguments import collect_arguments
from archc.stages.elaborate.builder import Typed
from archc.stages.elaborate.checks import LayerCheck
from archc.stages.elaborate.walk import LayerUse, Run, Walk

WRONG_TARGET = Rule(
    "path/wrong-layer", "a path leads to a layer of another kind than is wanted",
    "the layer needs something that only some layers have",
)  # fmt: skip


@cache
def argument_names(cls: type[Layer]) -> tuple[str, ...]:
    """The names of an op's arguments, the principal one first."""
    return tuple(cls.model_fields)


def run_op(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Run:
    """Makes a node of an op.

    Reports:
        path/wrong-layer, and what its arguments and its type report.
    """
    named = walk.declare(use.name, use.name_span, context)
    result = _node(walk, cls, use, context, flow)
    named.flow = result
    return Run(result, (Leaf(use.name, result.id),) if isinstance(result, Flowing) else ())


def _node(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Flow:
    """The output of an op, which becomes a node of the graph."""
    arguments = collect_arguments(walk, use, argument_names(cls), context)
    if isinstance(arguments, Failed):
        return FAILED
    targets = _targets(walk, cls, arguments, context)
    if isinstance(flow, Flowing) and isinstance(targets, list):
        inputs = (flow, *targets)
        typed = _typed(walk, cls, use, arguments, inputs, context)
        if isinstance(typed, Failed):
            return FAILED
        name = context.scope.prefix + use.name
        return walk.builder.add_node(name, typed, inputs, context.place(use.span))
    _check_alone(walk, cls, use, arguments, context)
    return FAILED


def _check_alone(
    walk: Walk, cls: type[Layer], use: LayerUse, arguments: Mapping[str, Argument], context: Context
) -> None:
    """Reports what is wrong with an op's arguments where nobody knows what comes in."""
    place = context.place(use.span)
    layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter, MODIFIERS, context)
    if isinstance(layer, Layer):
        layer.check_arguments(
            LayerCheck(walk.reporter, walk.builder, place, arguments, (), (), context=context)
        )


def _typed(
    walk: Walk,
    cls: type[Layer],
    use: LayerUse,
    arguments: Mapping[str, Argument],
    inputs: tuple[Flowing, ...],
    context: Context,
) -> Typed | Failed:
    """The op for inputs of these types, worked out once for equal arguments and types."""
    types = tuple(i.type for i in inputs)
    key = (cls, types, tuple((name, exact(a.value)) for name, a in arguments.items()))
    known = walk.typed.get(key)
    if known is not None:
        return known
    place = context.place(use.span)
    layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter, MODIFIERS, context)
    if isinstance(layer, Failed):
        return FAILED
    check = LayerCheck(walk.reporter, walk.builder, place, arguments, (), inputs, context=context)
    output = layer.infer(types, check)
    if isinstance(output, Failed):
        return FAILED
    typed = Typed(layer, output, layer.weights(types), tuple(check.demands))
    walk.typed[key] = typed
    return typed


def _targets(
    walk: Walk, cls: type[Layer], arguments: dict[str, Argument], context: Context
) -> list[Flowing] | Failed:
    """The further inputs of a layer with a path: that layer's output, and its input if wanted.

    A path may be written as a number; the layer takes it as a text.
    """
    argument = arguments.get(cls.path_argument or "")
    if argument is None:
        return []
    found = walk.path(argument, context)
    if isinstance(found, Failed) or not isinstance(found[1].flow, Flowing):
        return FAILED
    target = found[1].flow
    if isinstance(argument.value, int):
        text = Text(describe(argument.value), context.origin)
        arguments[cls.path_argument or ""] = Argument(text, argument.tree, argument.place)
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
