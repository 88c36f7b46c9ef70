"""One layer: what its tree names, a scope, an op, a merge or a block."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.language.scope import Context, Flow, Scope, origin_of
from archc.language.spec import CONTROL_KEYS, MODIFIERS, SpecFile
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, shown
from archc.language.values import LayerValue, Text, Value, describe
from archc.layers.catalog import OPS, layer_class
from archc.stages.elaborate.blocks import closed, run_block
from archc.stages.elaborate.merges import run_merge
from archc.stages.elaborate.ops import run_op
from archc.stages.elaborate.walk import Carried, LayerUse, Run, Walk

NO_LAYER = Rule(
    "layer/not-a-layer", "what stands in the place of a layer is none",
    "a layer is an op or block, with its arguments, or a list or `layers` of layers",
)  # fmt: skip
SCOPE_ARGUMENT = Rule(
    "layer/scope-argument", "an argument stands beside `layers`", "a scope takes no arguments"
)
UNKNOWN_OP = Rule(
    "layer/unknown-op", "an op or block is unknown",
    "ops are those of the language, blocks those of the file and its imports",
)  # fmt: skip


def run_layer(
    walk: Walk,
    tree: Tree,
    name: str,
    name_span: Span,
    context: Context,
    flow: Flow,
    overrides: tuple[Entry, ...],
) -> Run:
    """Runs a layer without modifiers under this name.

    Reports:
        layer/not-a-layer, layer/scope-argument, layer/unknown-op, and what it runs reports.
    """
    if not walk.step(tree.span, context):
        return Run(FAILED)
    if isinstance(tree, Sequence):
        return _scope(walk, tree, name, name_span, context, flow)
    if isinstance(tree, Scalar):
        return _bare(walk, tree, name, name_span, context, flow, overrides)
    if not tree.entries:
        context.scope.is_whole = False
        message = "an empty mapping is no layer"
        place = context.place(tree.span)
        helps = ("write `identity`, or `[]`",)
        return Run(walk.reporter.error(NO_LAYER, message, place, helps=helps))
    first, *rest = tree.entries
    if first.key.text == "layers":
        for entry in (*rest, *overrides):
            message = f"`{shown(entry.key.text)}` stands beside `layers`, which takes no arguments"
            helps = ("a block has parameters; modifiers such as `when` stand beside any layer",)
            walk.reporter.error(SCOPE_ARGUMENT, message, context.place(entry.key.span), helps=helps)
        return _scope(walk, first.value, name, name_span, context, flow)
    return _with_arguments(walk, tree, name, name_span, context, flow, overrides)


def _bare(
    walk: Walk,
    tree: Scalar,
    name: str,
    name_span: Span,
    context: Context,
    flow: Flow,
    overrides: tuple[Entry, ...],
) -> Run:
    value = _named_layer(walk, tree, context)
    if isinstance(value, Text | LayerValue):
        op, carried = _parts_of(value)
        use = LayerUse(op, name, tree.span, name_span, None, (), carried, overrides)
        return _use(walk, use, context, flow)
    if not isinstance(value, Failed):
        message = f"`{describe(value)}` is no layer: a layer is an op or block, or a list of layers"
        helps: tuple[str, ...] = ()
        if value is None:
            message = f"`{name}` has no layer: its value is empty"
            helps = ("write `identity` for a layer that does nothing",)
        at = name_span if value is None else tree.span
        walk.reporter.error(NO_LAYER, message, context.place(at), helps=helps)
    return _failed_use(walk, name, name_span, context)


def _named_layer(walk: Walk, scalar: Scalar, context: Context) -> Value | Failed:
    """The value of a scalar that names an op or block; a block may be called by a whole number."""
    value = walk.evaluator.scalar(scalar, context)
    if isinstance(value, int) and not isinstance(value, bool):
        name = Text(describe(value), context.origin)
        return name if context.file.block(name) is not None else value
    return value


def _failed_use(walk: Walk, name: str, name_span: Span, context: Context) -> Run:
    """Enters the name of a layer that failed, so that paths to it fail in silence."""
    walk.declare(name, name_span, context).flow = FAILED
    return Run(FAILED)


def _parts_of(value: LayerValue | Text) -> tuple[Text, Carried]:
    """The name of a layer value and the arguments that it brings along."""
    return (value.name, value.arguments) if isinstance(value, LayerValue) else (value, ())


def _with_arguments(
    walk: Walk,
    tree: Mapping,
    name: str,
    name_span: Span,
    context: Context,
    flow: Flow,
    overrides: tuple[Entry, ...],
) -> Run:
    first, *rest = tree.entries
    value = _named_layer(walk, first.key, context)
    principal: Tree | None = first.value
    if isinstance(principal, Mapping):
        rest, principal = [*principal.entries, *rest], None
    elif isinstance(principal, Scalar) and principal.is_null:
        principal = None
    if isinstance(value, Text | LayerValue):
        op, carried = _parts_of(value)
        span = first.key.span
        use = LayerUse(op, name, span, name_span, principal, tuple(rest), carried, overrides)
        return _use(walk, use, context, flow)
    if not isinstance(value, Failed):
        message = f"`{describe(value)}` is no op or block"
        walk.reporter.error(UNKNOWN_OP, message, context.place(first.key.span))
    for argument in ([principal] if principal else []) + [e.value for e in (*rest, *overrides)]:
        walk.evaluator.value(argument, context)  # for the mistakes in it
    return _failed_use(walk, name, name_span, context)


def _scope(walk: Walk, tree: Tree, name: str, name_span: Span, context: Context, flow: Flow) -> Run:
    named = walk.declare(name, name_span, context)
    named.scope = Scope(context.scope, f"{context.scope.prefix}{name}.")
    return closed(named, name, walk.sequence(tree, context.within(named.scope), flow))


def _use(walk: Walk, use: LayerUse, context: Context, flow: Flow) -> Run:
    """Runs an op or a block, whichever its name means in the file that wrote it."""
    file = origin_of(use.op).file or context.file
    block = file.block(use.op)
    if block is not None:
        return run_block(walk, block, use, context, flow)
    if use.op not in OPS:
        _unknown_op(walk, use, file, context)
        return _failed_use(walk, use.name, use.name_span, context)
    layer = layer_class(use.op)
    if layer.takes_branches:
        return run_merge(walk, layer, use, context, flow)
    return run_op(walk, layer, use, context, flow)


def _unknown_op(walk: Walk, use: LayerUse, file: SpecFile, context: Context) -> None:
    if file.lacks_imports:
        return  # the block may well be defined there
    candidates = (*file.block_names, *OPS)
    helps = did_you_mean(use.op, candidates)
    later = next((e.key.text for e in use.arguments if e.key.text in candidates), None)
    if later is not None and (use.principal is not None or not helps):
        helps = (f"write the op first: `{{{later}: …, {use.op}: …}}`",)
    elif use.op in CONTROL_KEYS:
        helps = ("a control item stands in a list of layers",)
    elif use.op in ("layers", *MODIFIERS):
        helps = ("a layer that is passed on is one op or block: define a block",)
    message = f"there is no op or block `{shown(use.op)}`"
    walk.reporter.error(UNKNOWN_OP, message, context.place(use.span), helps=helps)


__all__ = ["run_layer"]
