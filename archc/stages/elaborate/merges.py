"""Merges: the branches that run, joined by one op, or the one that is left."""

from __future__ import annotations

from collections.abc import Mapping

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Branch, Group, Merge
from archc.graph.layer import Layer
from archc.language.arguments import construct
from archc.language.scope import Context, Flow, Flowing, Scope
from archc.language.spec import MODIFIERS
from archc.language.tree import Sequence, Tree
from archc.language.values import Argument
from archc.stages.elaborate.arguments import collect_arguments, given_twice
from archc.stages.elaborate.builder import Typed
from archc.stages.elaborate.checks import LayerCheck
from archc.stages.elaborate.walk import BranchRun, LayerUse, MergeUse, Run, Walk

PASSED_ON = Rule(
    "merge/passed-on", "a merge with branches is the value of a parameter",
    "branches name layers where they stand; a value has no place of its own",
)  # fmt: skip
NO_BRANCH = Rule("merge/no-branch", "a merge is left without branches", "there is nothing to join")


def run_merge(walk: Walk, cls: type[Layer], use: LayerUse, context: Context, flow: Flow) -> Run:
    """Runs the branches of a merge, then the merge itself.

    Reports:
        merge/no-branch, merge/passed-on, and what its branches, arguments and types report.
    """
    named = walk.declare(use.name, use.name_span, context)
    named.scope = scope = Scope(context.scope, f"{context.scope.prefix}{use.name}.")
    place = context.place(use.span)
    tree, bare = _branches_of(use)
    if tree is None and any(e.key.text not in cls.model_fields for e in use.arguments):
        context.scope.is_whole = scope.is_whole = False
        message = f"the branches of `{use.op}` are a list, not a mapping"
        walk.reporter.error(NO_BRANCH, message, place, helps=(_branches_help(use),))
        named.flow = FAILED
        return Run(FAILED)
    collected = collect_arguments(walk, bare, ("branches", *cls.model_fields), context)
    arguments = {} if isinstance(collected, Failed) else collected
    tree = _without_carried(walk, use, arguments, tree)
    layer: Layer | Failed = FAILED
    if not isinstance(collected, Failed):
        layer = construct(cls, arguments, f"`{use.op}`", place, walk.reporter, MODIFIERS, context)
    if tree is None:
        message = f"`{use.op}` has no branches"
        walk.reporter.error(NO_BRANCH, message, place, helps=(_branches_help(use),))
    branches: list[BranchRun] | Failed = FAILED
    mark = len(walk.left_out)
    if tree is not None:
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
    left_out = tuple(walk.left_out[mark:])
    run = _joined(walk, layer, use, arguments, branches, left_out, context)
    named.flow = run.flow
    return run


def _branches_help(use: LayerUse) -> str:
    return f"write `{use.op}: [[…], []]`, where `[]` is the tensor before it"


def _branches_of(use: LayerUse) -> tuple[Tree | None, LayerUse]:
    """The tree of a merge's branches, and the use without it."""
    inside = next((e for e in use.arguments if e.key.text == "branches"), None)
    if use.principal is not None or inside is None:
        return use.principal, use._replace(principal=None)
    rest = tuple(e for e in use.arguments if e is not inside)
    return inside.value, use._replace(arguments=rest)


def _without_carried(
    walk: Walk, use: LayerUse, arguments: dict[str, Argument], tree: Tree | None
) -> Tree | None:
    """The tree of a merge's branches, which a layer value cannot bring along."""
    carried = arguments.pop("branches", None)
    if carried is None:
        return tree
    if tree is not None:
        given_twice(walk, use, "branches", carried, tree.span)
        return tree
    message = f"`{use.op}` with its branches cannot be passed on as a layer"
    helps = ("define a block with the merge in it, and pass the block's name",)
    walk.reporter.error(PASSED_ON, message, carried.place, helps=helps)
    return Sequence((), use.span)


def _joined(
    walk: Walk,
    layer: Layer,
    use: LayerUse,
    arguments: Mapping[str, Argument],
    branches: list[BranchRun],
    left_out: tuple[Span, ...],
    context: Context,
) -> Run:
    """The merge of branches that have run; these conditions left layers of theirs out."""
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
    marks = tuple(b.span for b in branches)
    begins = tuple(start.id for start in starts)
    check = LayerCheck(
        walk.reporter, walk.builder, place, arguments, marks, tuple(flows), starts=begins,
        left_out=left_out,
    )  # fmt: skip
    types = tuple(f.type for f in flows)
    output = layer.infer(types, check)
    if isinstance(output, Failed):
        return Run(FAILED)
    typed = Typed(layer, output, layer.weights(types), tuple(check.demands))
    result = walk.builder.add_node(name, typed, flows, place)
    return Run(result, (Merge(use.name, result.id, shapes),))


def _single(name: str, branch: Branch, flow: Flowing) -> Run:
    """A merge left with one branch is that branch, still under the merge's name."""
    if branch.is_list:
        inner = Group("0", branch.children, flow.id)
        return Run(flow, (Group(name, (inner,), flow.id),))
    return Run(flow, (*branch.children, Group(name, (), flow.id)))
