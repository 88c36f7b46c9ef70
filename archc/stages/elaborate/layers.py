"""One layer: what its tree names, a scope, an op, a merge or a block."""

from __future__ import annotations

import re
from collections.abc import Collection

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean, nearest
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.language.library import zoo_library
from archc.language.other_words import meant_argument, meant_op
from archc.language.scope import Context, Flow, Scope, origin_of, where_written
from archc.language.spec import CONTROL_KEYS, MODIFIERS, SpecFile, unknown_cause
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, shown
from archc.language.values import Argument, LayerValue, Text, Value, describe
from archc.layers.catalog import OPS, layer_class
from archc.stages.elaborate.blocks import closed, run_block
from archc.stages.elaborate.merges import run_merge
from archc.stages.elaborate.ops import argument_names, run_op
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
        use = LayerUse(op, name, tree.span, name_span, None, (), carried, overrides, tree)
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
        use = LayerUse(
            op, name, span, name_span, principal, tuple(rest), carried, overrides, first.key
        )
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
    message = f"there is no op or block `{shown(use.op)}`"
    library = zoo_library(use.op)
    cause, written = use.op, context.place(use.span)
    if library is not None and library not in (item.text for item in file.imports):
        helps: tuple[str, ...] = (
            f"it is a block of the built-in `{library}`: add `imports: [{library}]`",
        )
        cause = Text(library, use.op.origin)
    else:
        helps = _op_helps(use, file, context)
    place, related = written, tuple[Related, ...]()
    if use.tree is not None:
        place = where_written(Argument(use.op, use.tree, written), context)
    if place.span != written.span:
        related = (Related(written.span, "used as a layer here"),)
    walk.reporter.error(
        UNKNOWN_OP, message, place, related=related, helps=helps, cause=unknown_cause(file, cause)
    )


def _op_helps(use: LayerUse, file: SpecFile, context: Context) -> tuple[str, ...]:
    """What to write instead of an op that nobody knows."""
    candidates = (*file.block_names, *OPS)
    near = meant_op(use.op, [name for name in candidates if _takes(name, use, file)])
    if near is not None:
        return (f"did you mean `{near}`?",)
    found = context.environment.find(use.op)
    if found is not None and isinstance(found[0], Text | LayerValue):
        return (f"for the value of that name write `${use.op}`",)
    later = next((e.key.text for e in use.arguments if e.key.text in candidates), None)
    if later is not None and nearest(use.op, MODIFIERS) is not None:
        return did_you_mean(use.op, MODIFIERS)
    if later is not None:
        return (f"write the op first: `{{{later}: …, {use.op}: …}}`",)
    meant = _written_otherwise(use, candidates)
    if meant:
        return (meant,)
    if use.op in CONTROL_KEYS:
        return ("a control item stands in a list of layers",)
    if use.op in ("layers", *MODIFIERS):
        return ("a layer that is passed on is one op or block: define a block",)
    return ()


def _written_otherwise(use: LayerUse, ops: Collection[str]) -> str:
    """The help for an op that is written as elsewhere, `{type: conv}` or `conv(64, 3)`, or none."""
    said = use.principal.text if isinstance(use.principal, Scalar) else ""
    if use.op in ("type", "op", "kind") and said in ops:
        return f"write the op first: `{{{said}: …}}`" if use.arguments else f"write `{said}`"
    called = re.match(r"([a-z]\w*)[ (]", use.op)
    if called is not None and called[1] in ops:
        return f"write the op with its arguments as a mapping: `{{{called[1]}: …}}`"
    return ""


def _takes(name: str, use: LayerUse, file: SpecFile) -> bool:
    """Whether an op or block would take the arguments of a use, misspelt ones left aside."""
    block = file.block(name)
    cls = layer_class(name) if block is None else None
    known = tuple(block.params) if block is not None else argument_names(layer_class(name))
    if use.principal is not None:
        is_branches = isinstance(use.principal, Sequence) and any(
            not isinstance(item, Scalar) for item in use.principal.items
        )
        takes_branches = cls is not None and cls.takes_branches
        if is_branches != takes_branches or not (known or takes_branches):
            return False
    given = (e.key.text for e in use.arguments)
    return all(
        key in known or key in MODIFIERS or (nearest(key, known) or meant_argument(key, known))
        for key in given
    )


__all__ = ["run_layer"]
