"""Modifiers: what stands beside any layer and says whether, from where, and how often it runs."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import nearest
from archc.diagnostics.place import Span, copy_frame
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Element
from archc.language.scope import Context, Flow, Flowing
from archc.language.spec import MODIFIERS
from archc.language.tree import Entry, Mapping, Scalar, Tree, kind_of, shown, written
from archc.stages.elaborate.sharing import share_weights
from archc.stages.elaborate.walk import Run, Walk

NO_LAYER = Rule("layer/none", "no layer stands here", "modifiers stand beside a layer")
MODIFIER = Rule(
    "layer/modifier", "a modifier stands where it has no meaning",
    "`name` and `repeat` number or name copies in a list",
)  # fmt: skip

LONGEST_HELP = 120


def run_modified(walk: Walk, tree: Tree, key: Scalar | None, context: Context, flow: Flow) -> Run:
    """Runs a layer with the modifiers beside it; in a list there is no key.

    Reports:
        layer/none, layer/modifier, and what the layer reports.
    """
    if not isinstance(tree, Mapping):
        return _run_plain(walk, tree, key, context, flow)
    if key is not None and "$" in key.text and _has_misspelt_condition(tree):
        context, flow = context.uncertain(), FAILED
    modifiers = {e.key.text: e for e in tree.entries if e.key.text in MODIFIERS}
    if not modifiers:
        return _run_plain(walk, tree, key, context, flow)
    holds: bool | Failed = True
    if "when" in modifiers:
        holds = walk.condition(modifiers["when"].value, context)
        if holds is False:
            walk.left_out.append(modifiers["when"].value.span)
            return Run(flow)
        if isinstance(holds, Failed):
            context, flow = _uncertain(key, context), FAILED
    rest = Mapping(tuple(e for e in tree if e.key.text not in MODIFIERS), tree.span)
    if not rest.entries:
        at = tree.entries[0].key.span
        helps = ("write `identity` for a layer that does nothing",)
        context.scope.is_whole = False
        message = "no op or block stands beside the modifiers"
        return Run(walk.reporter.error(NO_LAYER, message, context.place(at), helps=helps))
    run = _run_beside(walk, rest, modifiers, key, context, flow)
    _lose_name(run, rest, key, context)
    return run if holds is True else Run(FAILED, run.elements)


def _has_misspelt_condition(tree: Mapping) -> bool:
    """Whether a key was meant to be `when`, so that nobody knows whether the layer is there."""
    keys = (e.key.text for e in tree if e.key.text not in MODIFIERS)
    return any(nearest(key, MODIFIERS) == "when" for key in keys)


def _run_plain(walk: Walk, tree: Tree, key: Scalar | None, context: Context, flow: Flow) -> Run:
    name = _number(context) if key is None else walk.name_of(key, context)
    if isinstance(name, Failed):
        return Run(FAILED)
    run = walk.layer(tree, name, tree.span if key is None else key.span, context, flow)
    _lose_name(run, tree, key, context)
    return run


def _lose_name(run: Run, tree: Tree, key: Scalar | None, context: Context) -> None:
    """Marks a scope as lacking a name where that of a layer which failed is given misspelt."""
    if isinstance(run.flow, Flowing) or key is not None or not isinstance(tree, Mapping):
        return
    if any(nearest(e.key.text, MODIFIERS) == "name" for e in tree):
        context.scope.is_whole = False


def _uncertain(key: Scalar | None, context: Context) -> Context:
    """The context below a condition that nobody knows; what follows in a list has no number."""
    if key is None:
        context.scope.is_counted = False
    return context.uncertain()


def _run_beside(
    walk: Walk,
    rest: Mapping,
    modifiers: dict[str, Entry],
    key: Scalar | None,
    context: Context,
    flow: Flow,
) -> Run:
    misplaced = _misplaced(walk, modifiers, key, rest, context)
    if "from" in modifiers:
        flow = walk.flow_at(modifiers["from"].value, context)
    if "repeat" in modifiers and misplaced is None:
        return _run_copies(walk, rest, modifiers, context, flow)
    span = rest.span if key is None else key.span
    name: str | Failed
    if key is not None:
        name = walk.name_of(key, context)
    elif "name" in modifiers:
        name, span = _given_name(walk, modifiers["name"], context), modifiers["name"].value.span
    else:
        name = _number(context)
    if isinstance(name, Failed):
        return Run(FAILED)
    return _run_shared(walk, rest, modifiers, name, span, context, flow)


def _given_name(walk: Walk, entry: Entry, context: Context) -> str | Failed:
    if isinstance(entry.value, Scalar):
        return walk.name_of(entry.value, context)
    context.scope.is_whole = False
    message = f"a name is a text, not {kind_of(entry.value)}"
    return walk.reporter.error(MODIFIER, message, context.place(entry.value.span))


def _run_shared(
    walk: Walk,
    rest: Mapping,
    modifiers: dict[str, Entry],
    name: str,
    name_span: Span,
    context: Context,
    flow: Flow,
    overrides: tuple[Entry, ...] = (),
) -> Run:
    """Runs one copy, with the weights of another layer where `weights` says so."""
    shared = modifiers.get("weights")
    if shared is None:
        return walk.layer(rest, name, name_span, context, flow, overrides)
    owner = walk.path(walk.evaluator.argument(shared.value, context), context)
    start = len(walk.builder.nodes)
    run = walk.layer(rest, name, name_span, context, flow, overrides)
    if isinstance(owner, tuple) and isinstance(run.flow, Flowing):
        place = context.place(shared.value.span)
        share_weights(walk, context.scope.prefix + name, owner[0], start, place)
    return run


def _misplaced(
    walk: Walk, modifiers: dict[str, Entry], key: Scalar | None, rest: Mapping, context: Context
) -> Failed | None:
    if key is not None:
        return _in_mapping(walk, modifiers, key, rest, context)
    failed: Failed | None = None
    is_alone = "first" in modifiers and "repeat" not in modifiers
    if is_alone and not any(nearest(e.key.text, MODIFIERS) == "repeat" for e in rest):
        at = context.place(modifiers["first"].key.span)
        helps = ("add `repeat: …`, or write its arguments beside the op",)
        failed = walk.reporter.error(MODIFIER, "`first` stands without `repeat`", at, helps=helps)
    for word in ("name", "from"):
        if "repeat" in modifiers and word in modifiers:
            message = f"`repeat` cannot stand with `{word}`, which would be the same for each copy"
            at = context.place(modifiers[word].key.span)
            count = written(modifiers["repeat"].value).removeprefix("$")
            helps = (f"use a loop: `for: i`, `in: $(range({shown(count)}))`, `do: …`",)
            failed = walk.reporter.error(MODIFIER, message, at, helps=helps)
    return failed


def _in_mapping(
    walk: Walk, modifiers: dict[str, Entry], key: Scalar, rest: Mapping, context: Context
) -> Failed | None:
    """Reports the first modifier that belongs into a list."""
    word = next((word for word in ("repeat", "first", "name") if word in modifiers), None)
    if word is None:
        return None
    message = f"`{word}` has a meaning only in a list, where layers are numbered"
    helps: tuple[str, ...] = ("leave it out: the key is the layer's name",)
    if word != "name":
        kept = (*rest.entries, *(e for w, e in modifiers.items() if w in ("repeat", "first")))
        layer = written(Mapping(kept, rest.span))
        layer = layer if len(layer) <= LONGEST_HELP else "{…, repeat: …}"
        helps = (f"write a list: `{key.text}: [{layer}]`",)
    at = context.place(modifiers[word].key.span)
    return walk.reporter.error(MODIFIER, message, at, helps=helps)


def _run_copies(
    walk: Walk, rest: Mapping, modifiers: dict[str, Entry], context: Context, flow: Flow
) -> Run:
    first = modifiers.get("first")
    overrides: tuple[Entry, ...] = ()
    if first is not None and isinstance(first.value, Mapping):
        overrides = first.value.entries
    elif first is not None:
        message = f"`first` is a mapping of arguments, not {kind_of(first.value)}"
        is_null = isinstance(first.value, Scalar) and first.value.is_null
        at = first.key.span if is_null else first.value.span
        walk.reporter.error(MODIFIER, message, context.place(at))
    count = walk.count(modifiers["repeat"].value, context)
    copies = count
    if isinstance(copies, Failed):
        context, copies = _uncertain(None, context), 1
    elements: list[Element] = []
    for copy in range(copies):
        inner = context
        if copy:  # a mistake of the first copy is one of each
            inner = context.inside(copy_frame(copy + 1, rest.entries[0].key.span))
        run = _run_shared(
            walk, rest, modifiers, _number(context), rest.span, inner, flow,
            overrides if copy == 0 else (),
        )  # fmt: skip
        flow = run.flow
        elements += run.elements
    return Run(FAILED if isinstance(count, Failed) else flow, tuple(elements))


def _number(context: Context) -> str:
    number = context.scope.count
    context.scope.count += 1
    return str(number)


__all__ = ["run_modified"]
