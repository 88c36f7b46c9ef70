"""The branches of a merge, and side outputs, which are written as branches are."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.language.scope import Context, Flow, Named, Scope
from archc.language.tree import Mapping, Scalar, Sequence, Tree, kind_of, shown
from archc.stages.elaborate.sequences import control_bodies
from archc.stages.elaborate.walk import BranchRun, MergeUse, Run, Walk

BRANCHES = Rule("merge/branches", "the branches of a merge are no list", "each element is a branch")
BRANCH = Rule(
    "merge/branch", "a branch is no sequence", "a branch is a list or a mapping of layers"
)

_LONG = frozenset(("layers", "from", "when"))


def run_branches(
    walk: Walk, merge: MergeUse, context: Context, flow: Flow
) -> list[BranchRun] | Failed:
    """Runs the branches in the order written; those left out take no number."""
    tree = merge.branches
    if not isinstance(tree, Sequence):
        message = f"the branches of `{merge.op}` are a list, not {kind_of(tree)}"
        helps = (f"write `{merge.op}: [[…], []]`, where `[]` is the tensor before it",)
        return walk.reporter.error(BRANCHES, message, context.place(tree.span), helps=helps)
    return _run_items(walk, tree, merge.scope, context, flow)


def _run_items(
    walk: Walk, tree: Sequence, scope: Scope, context: Context, flow: Flow
) -> list[BranchRun]:
    runs: list[BranchRun] = []
    for item in tree.items:
        if isinstance(item, Mapping) and item.get("do") is not None:
            runs += _run_control(walk, item, scope, context, flow)
            continue
        run = run_branch(walk, item, scope, None, context, flow)
        if run is not None:
            runs.append(run)
    return runs


def _run_control(
    walk: Walk, item: Mapping, scope: Scope, context: Context, flow: Flow
) -> list[BranchRun]:
    runs: list[BranchRun] = []
    for body, inner, is_known in control_bodies(walk, item, context):
        if not isinstance(body, Sequence):
            message = f"among branches `do` is a list of branches, not {kind_of(body)}"
            failed = walk.reporter.error(BRANCHES, message, inner.place(body.span))
            runs.append(BranchRun(failed, Run(failed), body.span, is_list=True))
            continue
        found = _run_items(walk, body, scope, inner, flow)
        runs += found
        if not is_known:
            runs.append(BranchRun(FAILED, Run(FAILED), body.span, is_list=True))
    return runs


def run_branch(
    walk: Walk, tree: Tree, scope: Scope, number: str | None, context: Context, flow: Flow
) -> BranchRun | None:
    """Runs one branch; None where its `when` leaves it out.

    A list is named `<scope>.<number>.…`, a mapping stands in the context's own scope.
    """
    if isinstance(tree, Scalar):
        message = f"a branch is a list or a mapping of layers, not {kind_of(tree)}"
        helps = (f"write `[{shown(tree.text)}]`",) if isinstance(tree.value, str) else (
            "`[]` is the tensor before the merge",
        )  # fmt: skip
        failed = walk.reporter.error(BRANCH, message, context.place(tree.span), helps=helps)
        return BranchRun(failed, Run(failed), tree.span, is_list=True)
    is_known = True
    layers: Tree | None = tree
    if isinstance(tree, Mapping):
        if not tree.entries:
            message = "an empty mapping is no branch"
            helps = ("`[]` is the tensor before the merge",)
            failed = walk.reporter.error(BRANCH, message, context.place(tree.span), helps=helps)
            return BranchRun(failed, Run(failed), tree.span, is_list=True)
        if _LONG.issuperset(tree.names):
            parts = {e.key.text: e.value for e in tree}
            if "when" in parts:
                holds = walk.condition(parts["when"], context)
                if holds is False:
                    return None
                is_known = holds is True
            context = context if is_known else context.uncertain()
            if "from" in parts:
                flow = walk.flow_at(parts["from"], context)
            layers = parts.get("layers")
    run = _run_layers(walk, layers, scope, number, context, flow, tree.span)
    return run if is_known else BranchRun(FAILED, Run(FAILED), tree.span, is_list=True)


def _run_layers(
    walk: Walk,
    layers: Tree | None,
    scope: Scope,
    number: str | None,
    context: Context,
    flow: Flow,
    span: Span,
) -> BranchRun:
    if number is None:
        number = str(scope.count)
        scope.count += 1
    if layers is None:
        return BranchRun(flow, Run(flow), span, is_list=False)
    if isinstance(layers, Mapping):
        return BranchRun(flow, walk.sequence(layers, context, flow), span, is_list=False)
    named = Named(span)
    inner = scope
    if number:
        inner = named.scope = Scope(scope, f"{scope.prefix}{number}.")
        scope.names[number] = named
    run = walk.sequence(layers, context.within(inner), flow)
    named.flow = run.flow
    return BranchRun(flow, run, span, is_list=True)
