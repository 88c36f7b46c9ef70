"""The branches of a merge, and side outputs, which are written as branches are."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean, nearest
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.language.scope import Context, Flow, Named, Scope
from archc.language.tree import Mapping, Scalar, Sequence, Tree, kind_of, shown, written
from archc.layers.catalog import OPS
from archc.stages.elaborate.control import control_bodies, is_control
from archc.stages.elaborate.walk import BranchRun, MergeUse, Run, Walk

BRANCHES = Rule("merge/branches", "the branches of a merge are no list", "each element is a branch")
BRANCH = Rule(
    "merge/branch", "a branch is no sequence", "a branch is a list or a mapping of layers"
)

_LONG_KEYS = ("layers", "from", "when")
_LONG = frozenset(_LONG_KEYS)


def run_branches(
    walk: Walk, merge: MergeUse, context: Context, flow: Flow
) -> list[BranchRun] | Failed:
    """Runs the branches in the order written; those left out take no number."""
    tree = merge.branches
    if not isinstance(tree, Sequence):
        context.scope.is_whole = merge.scope.is_whole = False
        message = f"the branches of `{merge.op}` are a list, not {kind_of(tree)}"
        helps = (f"write `{merge.op}: [[…], []]`, where `[]` is the tensor before it",)
        return walk.reporter.error(BRANCHES, message, context.place(tree.span), helps=helps)
    return _run_items(walk, tree, merge.scope, context, flow)


def _run_items(
    walk: Walk, tree: Sequence, scope: Scope, context: Context, flow: Flow
) -> list[BranchRun]:
    runs: list[BranchRun] = []
    for item in tree.items:
        if isinstance(item, Mapping) and is_control(item):
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
    for body in control_bodies(walk, item, context):
        tree = body.tree
        if not isinstance(tree, Sequence):
            context.scope.is_whole = scope.is_whole = False
            message = f"among branches `do` is a list of branches, not {kind_of(tree)}"
            helps = ("put the branch into a list: `do: [{…}]`",)
            failed = walk.reporter.error(
                BRANCHES, message, body.context.place(tree.span), helps=helps
            )
            runs.append(BranchRun(failed, Run(failed), tree.span, is_list=True))
            continue
        runs += _run_items(walk, tree, scope, body.context, flow)
        if not body.is_known:
            runs.append(BranchRun(FAILED, Run(FAILED), tree.span, is_list=True))
    return runs


def run_branch(
    walk: Walk, tree: Tree, scope: Scope, number: str | None, context: Context, flow: Flow
) -> BranchRun | None:
    """Runs one branch; None where its `when` leaves it out.

    A list is named `<scope>.<number>.…`, a mapping stands in the context's own scope.
    """
    if isinstance(tree, Scalar) or (isinstance(tree, Mapping) and not tree.entries):
        context.scope.is_whole = scope.is_whole = False
        return _no_branch(walk, tree, context)
    if isinstance(tree, Mapping) and not _LONG.issuperset(tree.names):
        wrong = _misspelt_key(tree, context)
        if wrong is not None:
            message = f"`{shown(wrong.text)}` is no key of a branch, nor its value a layer"
            helps = did_you_mean(wrong.text, _LONG_KEYS)
            failed = walk.reporter.error(BRANCH, message, context.place(wrong.span), helps=helps)
            return BranchRun(failed, Run(failed), tree.span, is_list=True)
    if not isinstance(tree, Mapping) or not _LONG.issuperset(tree.names):
        return _run_layers(walk, tree, scope, number, context, flow, tree.span)
    parts = {e.key.text: e.value for e in tree.entries}
    holds = walk.condition(parts["when"], context) if "when" in parts else True
    if holds is False:
        return None
    context = context if holds is True else context.uncertain()
    if "from" in parts:
        flow = walk.flow_at(parts["from"], context)
    if holds is not True:
        flow = FAILED  # whether it runs is not known, so nothing in it can be wrong of type
    run = _run_layers(walk, parts.get("layers"), scope, number, context, flow, tree.span)
    return run if holds is True else BranchRun(FAILED, Run(FAILED), tree.span, is_list=True)


def _misspelt_key(tree: Mapping, context: Context) -> Scalar | None:
    """A key of the long form that is misspelt, as its value is the name of no op or block."""
    for entry in tree:
        value = entry.value
        is_plain = isinstance(value, Scalar) and value.text not in OPS
        if is_plain and entry.key.text not in _LONG and isinstance(value, Scalar):
            is_layer = context.file.block(value.text) is not None or value.text == "$"
            if not is_layer and nearest(entry.key.text, _LONG_KEYS) is not None:
                return entry.key
    return None


def _no_branch(walk: Walk, tree: Scalar | Mapping, context: Context) -> BranchRun:
    helps: tuple[str, ...] = ("`[]` is the tensor before the merge",)
    if isinstance(tree, Scalar) and isinstance(tree.value, str):
        helps = _text_helps(tree, context)
    found = "an empty mapping" if isinstance(tree, Mapping) else kind_of(tree)
    message = f"a branch is a list or a mapping of layers, not {found}"
    failed = walk.reporter.error(BRANCH, message, context.place(tree.span), helps=helps)
    return BranchRun(failed, Run(failed), tree.span, is_list=True)


def _text_helps(tree: Scalar, context: Context) -> tuple[str, ...]:
    """What to write for a bare text: the branch with that op or block, or from that layer."""
    text = tree.text
    if text not in OPS and context.file.block(text) is None:
        if context.scope.find(text) is not None:
            return (f"write `{{from: {text}}}` for the output of that layer",)
        if "$" not in text:
            return did_you_mean(text, (*context.file.block_names, *OPS))
    return (f"write `[{written(tree)}]`",)


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
