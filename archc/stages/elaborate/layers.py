"""One layer: what its tree names, its arguments, its type, and its place in the graph."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Frame, Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Branch, Group, Leaf, Merge
from archc.graph.layer import Layer
from archc.language.arguments import construct, unknown_arguments
from archc.language.scope import Context, Flow, Flowing, Named, Scope
from archc.language.spec import Block
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, shown
from archc.language.values import Argument, InputValue, LayerValue, Text, Value, describe
from archc.layers.catalog import OPS, layer_class
from archc.shapes.tensor_type import TensorType
from archc.stages.elaborate.checks import LayerCheck
from archc.stages.elaborate.walk import DEPTH_BOUND, TOO_DEEP, LayerUse, MergeUse, Run, Walk

NO_LAYER = Rule(
    "layer/not-a-layer", "what stands in the place of a layer is none",
    "a layer is an op or block, with its arguments, or a list or `layers` of layers",
)  # fmt: skip
UNKNOWN_OP = Rule(
    "layer/unknown-op", "an op or block is unknown",
    "ops are those of the language, blocks those of the file and its imports",
)  # fmt: skip
ARGUMENT_TWICE = Rule(
    "argument/twice", "an argument is given twice", "which one is meant is not known"
)
NO_ARGUMENT = Rule("argument/none-taken", "an op without arguments is given one", "it has no use")
SCOPE_ARGUMENT = Rule(
    "layer/scope-argument", "an argument stands beside `layers`", "a scope takes no arguments"
)
RECURSION = Rule("block/recursion", "a block uses itself", "it would never end")
NO_BRANCH = Rule("merge/no-branch", "a merge is left without branches", "there is nothing to join")
WRONG_TARGET = Rule(
    "path/wrong-layer", "a path leads to a layer of another kind than is wanted",
    "the layer needs something that only some layers have",
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
    """Runs a layer without modifiers under this name."""
    if isinstance(tree, Sequence):
        return _scope(walk, tree, name, name_span, context, flow)
    if isinstance(tree, Scalar):
        return _bare(walk, tree, name, name_span, context, flow, overrides)
    if not tree.entries:
        message = "an empty mapping is no layer"
        place = context.place(tree.span)
        helps = ("write `identity`, or `[]`",)
        return Run(walk.reporter.error(NO_LAYER, message, place, helps=helps))
    first, *rest = tree.entries
    if first.key.text == "layers":
        for entry in (*rest, *overrides):
            message = f"`{shown(entry.key.text)}` stands beside `layers`, which takes no arguments"
            walk.reporter.error(SCOPE_ARGUMENT, message, context.place(entry.key.span))
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
    value = walk.evaluator.scalar(tree, context)
    if isinstance(value, Failed):
        walk.declare(name, name_span, context).flow = FAILED
        return Run(FAILED)
    if not isinstance(value, Text | LayerValue):
        message = f"`{describe(value)}` is no layer"
        if value is None:
            message = f"`{name}` has no layer: null is none"
        at = name_span if tree.span.column == tree.span.end_column else tree.span
        helps = ("write `identity` for a layer that does nothing",) if value is None else ()
        failed = walk.reporter.error(NO_LAYER, message, context.place(at), helps=helps)
        walk.declare(name, name_span, context).flow = failed
        return Run(failed)
    carried = value.arguments if isinstance(value, LayerValue) else ()
    op = value.name if isinstance(value, LayerValue) else value
    use = LayerUse(op, name, tree.span, name_span, None, (), carried, overrides)
    return _use(walk, use, context, flow)


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
    value = walk.evaluator.scalar(first.key, context)
    if isinstance(value, Failed):
        walk.declare(name, name_span, context).flow = FAILED
        return Run(FAILED)
    if not isinstance(value, Text | LayerValue):
        message = f"`{describe(value)}` is no op or block"
        failed = walk.reporter.error(UNKNOWN_OP, message, context.place(first.key.span))
        walk.declare(name, name_span, context).flow = failed
        return Run(failed)
    carried = value.arguments if isinstance(value, LayerValue) else ()
    op = value.name if isinstance(value, LayerValue) else value
    principal: Tree | None = first.value
    if isinstance(principal, Mapping):
        rest, principal = [*principal.entries, *rest], None
    elif isinstance(principal, Scalar) and principal.is_null:
        principal = None
    use = LayerUse(op, name, first.key.span, name_span, principal, tuple(rest), carried, overrides)
    return _use(walk, use, context, flow)


def _scope(walk: Walk, tree: Tree, name: str, name_span: Span, context: Context, flow: Flow) -> Run:
    if walk.depth >= DEPTH_BOUND:
        message = f"layers nest more than {DEPTH_BOUND} deep"
        return Run(walk.reporter.error(TOO_DEEP, message, context.place(tree.span)))
    named = walk.declare(name, name_span, context)
    named.scope = Scope(context.scope, f"{context.scope.prefix}{name}.")
    walk.depth += 1
    run = walk.sequence(tree, context.within(named.scope), flow)
    walk.depth -= 1
    return _close(named, name, run)


def _close(named: Named, name: str, run: Run, block: str | None = None) -> Run:
    named.flow = run.flow
    if not isinstance(run.flow, Flowing):
        return Run(FAILED)
    return Run(run.flow, (Group(name, run.elements, run.flow.id, block),))


def _use(walk: Walk, use: LayerUse, context: Context, flow: Flow) -> Run:
    """Runs an op or a block, whichever its name means in the file that wrote it."""
    file = use.op.origin.file or context.file
    block = file.block(use.op)
    if block is not None:
        return walk.block(block, use, context, flow)
    if use.op not in OPS:
        walk.declare(use.name, use.name_span, context).flow = FAILED
        candidates = (*file.block_names, *OPS)
        helps = did_you_mean(use.op, candidates)
        later = next((e.key.text for e in use.arguments if e.key.text in candidates), None)
        if not helps and later is not None:
            helps = (f"write the op first: `{{{later}: …, {use.op}: …}}`",)
        message = f"there is no op or block `{shown(use.op)}`"
        return Run(walk.reporter.error(UNKNOWN_OP, message, context.place(use.span), helps=helps))
    layer = layer_class(use.op)
    if layer.takes_branches:
        return _merge(walk, layer, use, context, flow)
    return _op(walk, layer, use, context, flow)


def collect_arguments(
    walk: Walk, use: LayerUse, principal: str | None, context: Context
) -> dict[str, Argument]:
    """The arguments of a use by name: those written, those of a layer value, a first copy's."""
    overridden = {entry.key.text for entry in use.overrides}
    pairs: list[tuple[str | None, Argument]] = []
    for name, argument in use.carried:
        pairs.append((name, argument))
    if use.principal is not None:
        pairs.append((None, walk.evaluator.argument(use.principal, context)))
    for entry in use.arguments:
        pairs.append((entry.key.text, _argument(walk, entry, context)))
    found: dict[str, Argument] = {}
    for name, argument in pairs:
        key = name if name is not None else principal
        if key is None:
            message = f"`{use.op}` takes no arguments"
            walk.reporter.error(NO_ARGUMENT, message, argument.place)
        elif key in overridden:
            continue
        elif key in found:
            related = (Related(found[key].place.span, "first given here"),)
            message = f"`{key}` of `{use.op}` is given twice"
            walk.reporter.error(ARGUMENT_TWICE, message, argument.place, related=related)
        else:
            found[key] = argument
    for entry in use.overrides:
        found[entry.key.text] = _argument(walk, entry, context)
    return found


def _argument(walk: Walk, entry: Entry, context: Context) -> Argument:
    """The argument of an entry; a mistake in its name is marked at its key."""
    argument = walk.evaluator.argument(entry.value, context)
    if isinstance(entry.value, Scalar) and entry.value.is_null:
        return Argument(argument.value, argument.tree, context.place(entry.key.span))
    return argument


def _key_places(
    use: LayerUse, arguments: MappingOf[str, Argument], known: tuple[str, ...], context: Context
) -> dict[str, Argument]:
    """The arguments, those that nobody knows placed at their names."""
    keys = {e.key.text: e.key.span for e in (*use.arguments, *use.overrides)}
    return {
        name: argument
        if name in known or name not in keys
        else Argument(argument.value, argument.tree, context.place(keys[name]))
        for name, argument in arguments.items()
    }


def _op(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Run:
    fields = tuple(cls.model_fields)
    principal = fields[0] if fields else None
    arguments = collect_arguments(walk, use, principal, context)
    named = walk.declare(use.name, use.name_span, context)
    named.flow = FAILED
    place = context.place(use.span)
    targets = _targets(walk, cls, arguments, context)
    if cls.path_argument in arguments and isinstance(targets, list):
        argument = arguments[cls.path_argument]
        text = Text(describe(argument.value), context.origin)
        arguments[cls.path_argument] = Argument(text, argument.tree, argument.place)
    arguments = _key_places(use, arguments, fields, context)
    layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter)
    if isinstance(layer, Failed) or isinstance(targets, Failed) or not isinstance(flow, Flowing):
        return Run(FAILED)
    inputs = (flow, *targets)
    name = context.scope.prefix + use.name
    spans = {n: a.place.span for n, a in arguments.items()}
    check = LayerCheck(walk.reporter, walk.builder, name, place, spans, (), inputs)
    output = layer.infer(tuple(i.type for i in inputs), check)
    if isinstance(output, Failed):
        return Run(FAILED)
    result = walk.builder.add_node(name, layer, inputs, output, place)
    named.flow = result
    return Run(result, (Leaf(use.name, result.id),))


def _targets(
    walk: Walk, cls: type[Layer], arguments: MappingOf[str, Argument], context: Context
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


def _merge(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Run:
    named = walk.declare(use.name, use.name_span, context)
    named.scope = scope = Scope(context.scope, f"{context.scope.prefix}{use.name}.")
    tree = use.principal
    rest = []
    for entry in use.arguments:
        if entry.key.text == "branches" and tree is None:
            tree = entry.value
        else:
            rest.append(entry)
    bare = LayerUse(
        use.op, use.name, use.span, use.name_span, None, tuple(rest), use.carried, use.overrides
    )
    arguments = collect_arguments(walk, bare, None, context)
    known = (*cls.model_fields, "branches")
    arguments = _key_places(use, arguments, known, context)
    place = context.place(use.span)
    layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter)
    if tree is None:
        message = f"`{use.op}` has no branches"
        helps = (f"write `{use.op}: [[…], []]`, where `[]` is the tensor before it",)
        walk.reporter.error(NO_BRANCH, message, place, helps=helps)
        named.flow = FAILED
        return Run(FAILED)
    merge = MergeUse(use.op, scope, tree, use.span)
    branches = walk.branches(merge, context, flow)
    named.flow = FAILED
    if isinstance(branches, Failed) or isinstance(layer, Failed):
        return Run(FAILED)
    if not branches:
        message = f"no branch of `{use.op}` is left"
        return Run(walk.reporter.error(NO_BRANCH, message, place))
    flows = [b.run.flow for b in branches if isinstance(b.run.flow, Flowing)]
    starts = [b.start for b in branches if isinstance(b.start, Flowing)]
    if len(flows) < len(branches) or len(starts) < len(branches):
        return Run(FAILED)
    shapes = tuple(
        Branch(start.id, flowing.id, b.run.elements, b.is_list)
        for b, start, flowing in zip(branches, starts, flows, strict=True)
    )
    if len(flows) == 1:
        named.flow = flows[0]
        return _single(use.name, shapes[0], flows[0])
    name = context.scope.prefix + use.name
    spans = {n: a.place.span for n, a in arguments.items()}
    marks = tuple(b.span for b in branches)
    check = LayerCheck(walk.reporter, walk.builder, name, place, spans, marks, tuple(flows))
    output = layer.infer(tuple(f.type for f in flows), check)
    if isinstance(output, Failed):
        return Run(FAILED)
    named.flow = walk.builder.add_node(name, layer, flows, output, place)
    return Run(named.flow, (Merge(use.name, named.flow.id, shapes),))


def _single(name: str, branch: Branch, flow: Flowing) -> Run:
    """A merge left with one branch is that branch, still under the merge's name."""
    if branch.is_list:
        inner = Group("0", branch.children, flow.id)
        return Run(flow, (Group(name, (inner,), flow.id),))
    return Run(flow, (*branch.children, Group(name, (), flow.id)))


def run_block(walk: Walk, block: Block, use: LayerUse, context: Context, flow: Flow) -> Run:
    """Runs a block: its parameters from the use, then its layers in a scope of its own."""
    walk.used.add(block)
    named = walk.declare(use.name, use.name_span, context)
    place = context.place(use.span)
    if block in walk.active:
        chain = " → ".join(f"`{b.name}`" for b in [*walk.active[walk.active.index(block) :], block])
        message = f"the block `{block.name}` uses itself: {chain}"
        named.flow = walk.reporter.error(RECURSION, message, place)
        return Run(FAILED)
    named.scope = scope = Scope(context.scope, f"{context.scope.prefix}{use.name}.", entry=flow)
    principal = next(iter(block.params), None)
    arguments = collect_arguments(walk, use, principal, context)
    placed = _key_places(use, arguments, tuple(block.params), context)
    unknown_arguments(block.params, placed, f"the block `{block.name}`", walk.reporter)
    frame = Frame(f"block `{block.name}`", use.span)
    inner = block_context(walk, block, context, scope, flow, frame)
    values = inner.environment.names
    assert isinstance(values, dict)
    what = f"the block `{block.name}`"
    walk.binder.bind(block.params, arguments, inner, values, place, what)
    walk.binder.let(block.let, inner, values)
    walk.active.append(block)
    run = walk.sequence(block.layers, inner, flow)
    walk.active.pop()
    return _close(named, use.name, run, block.name)


def block_context(
    walk: Walk, block: Block, context: Context, scope: Scope, flow: Flow, frame: Frame
) -> Context:
    """The context inside a block: its own names (to be filled), then its file's."""
    entering: TensorType | Failed = flow.type if isinstance(flow, Flowing) else FAILED
    names: dict[str, Value | Failed] = {"input": InputValue(entering)}
    environment = walk.environment(block.file).inner(names)
    outer = context.within(scope)
    origin = type(outer.origin)(block.file, scope)
    return Context(origin, environment, (*context.trail, frame), context.is_certain)


__all__ = ["block_context", "run_block", "run_layer"]
