"""One layer: what its tree names, its arguments, its type, and its place in the graph."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import replace

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Frame, Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Branch, Group, Leaf, Merge
from archc.graph.layer import Layer
from archc.language.arguments import construct, unknown_arguments
from archc.language.scope import Context, Flow, Flowing, Named, Scope
from archc.language.spec import CONTROL_KEYS, MODIFIERS, Block, SpecFile
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, shown
from archc.language.values import Argument, InputValue, LayerValue, Text, Value, describe
from archc.layers.catalog import OPS, layer_class
from archc.shapes.tensor_type import TensorType
from archc.stages.elaborate.checks import LayerCheck
from archc.stages.elaborate.walk import BranchRun, Carried, LayerUse, MergeUse, Run, Walk

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
PASSED_ON = Rule(
    "merge/passed-on", "a merge with branches is the value of a parameter",
    "branches name layers where they stand; a value has no place of its own",
)  # fmt: skip
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
    if not walk.step(context.place(tree.span)):
        return Run(FAILED)
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
    value = walk.evaluator.scalar(tree, context)
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
    value = walk.evaluator.scalar(first.key, context)
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
    return _close(named, name, walk.sequence(tree, context.within(named.scope), flow))


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
        _unknown_op(walk, use, file, context)
        return _failed_use(walk, use.name, use.name_span, context)
    layer = layer_class(use.op)
    if layer.takes_branches:
        return _merge(walk, layer, use, context, flow)
    return _op(walk, layer, use, context, flow)


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


def collect_arguments(
    walk: Walk, use: LayerUse, known: tuple[str, ...], context: Context
) -> dict[str, Argument] | Failed:
    """The arguments of a use by name: those written, those of a layer value, a first copy's.

    `known` are the names that the op or block takes, the principal one first; an argument of
    another name is placed at its name.
    """
    overrides = _named_arguments(walk, use.overrides, known, context)
    pairs: list[tuple[str | None, Argument]] = list(use.carried)
    if use.principal is not None:
        pairs.append((None, walk.evaluator.argument(use.principal, context)))
    written = _named_arguments(walk, use.arguments, known, context)
    if isinstance(overrides, Failed) or isinstance(written, Failed):
        return FAILED
    pairs += written
    found: dict[str, Argument] = {}
    first_given = {name for name, _ in overrides}
    for name, argument in pairs:
        key = name if name is not None else next(iter(known), None)
        if key is None:
            message = f"`{use.op}` takes no arguments"
            walk.reporter.error(NO_ARGUMENT, message, argument.place)
        elif key in first_given:
            continue
        elif key in found:
            _given_twice(walk, use, key, argument, found[key])
        else:
            found[key] = argument
    return found | dict(overrides)


def _given_twice(walk: Walk, use: LayerUse, key: str, argument: Argument, first: Argument) -> None:
    related = (Related(first.place.span, "first given here"),)
    message = f"`{key}` of `{use.op}` is given twice"
    walk.reporter.error(ARGUMENT_TWICE, message, argument.place, related=related)


def _named_arguments(
    walk: Walk, entries: tuple[Entry, ...], known: tuple[str, ...], context: Context
) -> list[tuple[str, Argument]] | Failed:
    """The arguments of entries; what is wrong with a name or an empty value is at the name."""
    found: list[tuple[str, Argument]] = []
    for entry in entries:
        key = walk.evaluator.key(entry.key, context)
        if isinstance(key, Failed):
            return FAILED
        value = walk.evaluator.value(entry.value, context)
        is_at_name = value is None or key not in known
        span = entry.key.span if is_at_name else entry.value.span
        found.append((key, Argument(value, entry.value, context.place(span))))
    return found


def _op(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Run:
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
    layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter)
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
    place = context.place(use.span)
    tree, bare = _branches_of(use)
    if tree is None and any(e.key.text not in cls.model_fields for e in use.arguments):
        message = f"the branches of `{use.op}` are a list, not a mapping"
        walk.reporter.error(NO_BRANCH, message, place, helps=(_branches_help(use),))
        named.flow = FAILED
        return Run(FAILED)
    collected = collect_arguments(walk, bare, ("branches", *cls.model_fields), context)
    arguments = {} if isinstance(collected, Failed) else collected
    tree = _without_carried(walk, use, arguments, tree)
    layer: Layer | Failed = FAILED
    if not isinstance(collected, Failed):
        layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter)
    if tree is None:
        message = f"`{use.op}` has no branches"
        walk.reporter.error(NO_BRANCH, message, place, helps=(_branches_help(use),))
    branches: list[BranchRun] | Failed = FAILED
    if isinstance(tree, Sequence | Mapping | Scalar):
        branches = walk.branches(MergeUse(use.op, scope, tree, use.span), context, flow)
    named.flow = FAILED
    if isinstance(branches, Failed) or isinstance(layer, Failed):
        return Run(FAILED)
    if not branches:
        if use.carried:
            return Run(FAILED)
        message = f"no branch of `{use.op}` is left"
        helps = ("a branch without layers is written `[]`, the tensor before the merge",)
        return Run(walk.reporter.error(NO_BRANCH, message, place, helps=helps))
    run = _joined(walk, layer, use, arguments, branches, context)
    named.flow = run.flow
    return run


def _branches_help(use: LayerUse) -> str:
    return f"write `{use.op}: [[…], []]`, where `[]` is the tensor before it"


def _branches_of(use: LayerUse) -> tuple[Tree | None, LayerUse]:
    """The tree of a merge's branches, and the use without it."""
    inside = next((e for e in use.arguments if e.key.text == "branches"), None)
    if use.principal is not None or inside is None:
        return use.principal, replace(use, principal=None)
    rest = tuple(e for e in use.arguments if e is not inside)
    return inside.value, replace(use, arguments=rest)


def _without_carried(
    walk: Walk, use: LayerUse, arguments: dict[str, Argument], tree: Tree | None
) -> Tree | None:
    """The tree of a merge's branches, which a layer value cannot bring along."""
    carried = arguments.pop("branches", None)
    if carried is None:
        return tree
    if tree is not None:
        message = f"`branches` of `{use.op}` is given twice"
        related = (Related(tree.span, "first given here"),)
        walk.reporter.error(ARGUMENT_TWICE, message, carried.place, related=related)
        return tree
    message = f"`{use.op}` with its branches cannot be passed on as a layer"
    helps = ("define a block with the merge in it, and pass the block's name",)
    walk.reporter.error(PASSED_ON, message, carried.place, helps=helps)
    return Sequence((), use.span)


def _joined(
    walk: Walk,
    layer: Layer,
    use: LayerUse,
    arguments: MappingOf[str, Argument],
    branches: list[BranchRun],
    context: Context,
) -> Run:
    """The merge of branches that have run."""
    flows = [b.run.flow for b in branches if isinstance(b.run.flow, Flowing)]
    starts = [b.start for b in branches if isinstance(b.start, Flowing)]
    if len(flows) < len(branches) or len(starts) < len(branches):
        return Run(FAILED)
    shapes = tuple(
        Branch(start.id, flowing.id, b.run.elements, b.is_list)
        for b, start, flowing in zip(branches, starts, flows, strict=True)
    )
    if len(flows) == 1:
        return _single(use.name, shapes[0], flows[0])
    name = context.scope.prefix + use.name
    place = context.place(use.span)
    spans = {n: a.place.span for n, a in arguments.items()}
    marks = tuple(b.span for b in branches)
    check = LayerCheck(walk.reporter, walk.builder, name, place, spans, marks, tuple(flows))
    output = layer.infer(tuple(f.type for f in flows), check)
    if isinstance(output, Failed):
        return Run(FAILED)
    result = walk.builder.add_node(name, layer, flows, output, place)
    return Run(result, (Merge(use.name, result.id, shapes),))


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
    named.flow = FAILED
    if block.layers is None:
        return Run(FAILED)
    place = context.place(use.span)
    if _is_recursive(walk, block, use):
        active = [b for b, _ in walk.active]
        chain = " → ".join(f"`{b.name}`" for b in [*active[active.index(block) :], block])
        message = f"the block `{block.name}` uses itself: {chain}"
        return Run(walk.reporter.error(RECURSION, message, place))
    arguments = collect_arguments(walk, use, tuple(block.params), context)
    if isinstance(arguments, Failed):
        return Run(FAILED)
    named.flow = None
    named.scope = scope = Scope(context.scope, f"{context.scope.prefix}{use.name}.", entry=flow)
    what = f"the block `{block.name}`"
    unknown_arguments(block.params, arguments, what, walk.reporter)
    frame = Frame(f"block `{block.name}`", use.span)
    inner = block_context(walk, block, context, scope, flow, frame)
    values = inner.environment.names
    assert isinstance(values, dict)
    walk.binder.bind(block.params, arguments, inner, values, place, what)
    walk.binder.let(block.let, inner, values)
    walk.active.append((block, scope))
    run = walk.sequence(block.layers, inner, flow)
    walk.active.pop()
    return _close(named, use.name, run, block.name)


def _is_recursive(walk: Walk, block: Block, use: LayerUse) -> bool:
    """Whether a block's name is written within a use of that block.

    A block may well stand in another of its kind that it was passed to, as a wrapper in a wrapper.
    """
    scopes = [scope for active, scope in walk.active if active is block]
    written_in = use.op.origin.scope
    return (
        bool(scopes)
        and written_in is not None
        and any(outer in scopes for outer in written_in.outwards())
    )


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
