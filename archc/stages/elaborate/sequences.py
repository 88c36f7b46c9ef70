"""Sequences: lists and mappings of layers, modifiers beside a layer, and control items."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Element
from archc.language.scope import Context, Flow, Flowing
from archc.language.spec import MODIFIERS
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, kind_of, shown
from archc.language.values import Value, describe
from archc.layers.catalog import OPS
from archc.stages.elaborate.sharing import share_weights
from archc.stages.elaborate.walk import Run, Walk

NO_SEQUENCE = Rule(
    "layer/no-sequence", "a list or a mapping of layers is wanted",
    "a sequence numbers or names its layers",
)  # fmt: skip
NAMES_WANTED = Rule(
    "layer/names-wanted", "an op stands where a mapping wants names",
    "in a mapping the keys are the layers' names, never ops",
)  # fmt: skip
NO_LAYER = Rule("layer/none", "no layer stands here", "modifiers stand beside a layer")
MODIFIER = Rule(
    "layer/modifier", "a modifier stands where it has no meaning",
    "`name` and `repeat` number or name copies in a list",
)  # fmt: skip
CONTROL = Rule(
    "control/form", "a control item is not formed properly",
    "`do` stands with one of `repeat`, `for` and `in`, `if` and `else`, or alone",
)  # fmt: skip
LOOP = Rule(
    "control/loop", "a loop cannot be run", "each element of `in` gives the names of `for` a value"
)

_CONTROL_KEYS = ("do", "when", "repeat", "for", "in", "if", "else")


def run_sequence(walk: Walk, tree: Tree, context: Context, flow: Flow) -> Run:
    """Runs a list (numbered) or a mapping (named) of layers in the context's scope."""
    if isinstance(tree, Mapping):
        return _run_mapping(walk, tree, context, flow)
    if isinstance(tree, Sequence):
        return _run_list(walk, tree, context, flow)
    message = f"a list or a mapping of layers is wanted here, not {kind_of(tree)}"
    helps = (f"write `[{shown(tree.text)}]`",) if isinstance(tree.value, str) else ()
    return Run(walk.reporter.error(NO_SEQUENCE, message, context.place(tree.span), helps=helps))


def _run_mapping(walk: Walk, tree: Mapping, context: Context, flow: Flow) -> Run:
    elements: list[Element] = []
    for entry in tree:
        if _is_op_for_name(entry, context):
            return Run(_names_wanted(walk, tree, entry, context))
        name = walk.name_of(entry.key, context)
        if isinstance(name, Failed):
            flow = FAILED
            continue
        run = walk.modified(entry.value, name, entry.key.span, context, flow)
        flow = run.flow
        elements += run.elements
    return Run(flow, tuple(elements))


def _run_list(walk: Walk, tree: Sequence, context: Context, flow: Flow) -> Run:
    elements: list[Element] = []
    for item in tree.items:
        if isinstance(item, Mapping) and item.get("do") is not None:
            run = _run_control(walk, item, context, flow)
        else:
            run = walk.modified(item, None, item.span, context, flow)
        flow = run.flow
        elements += run.elements
        if walk.is_too_large(context.place(item.span)):
            return Run(FAILED)
    return Run(flow, tuple(elements))


def _is_op_for_name(entry: Entry, context: Context) -> bool:
    """Whether an op with its argument was written where a name with its layer belongs."""
    value = entry.value
    names_op = entry.key.text in OPS or context.file.block(entry.key.text) is not None
    if not names_op or not isinstance(value, Scalar) or "$" in value.text:
        return False
    if not isinstance(value.value, str):
        return True
    return value.text not in OPS and context.file.block(value.text) is None


def _names_wanted(walk: Walk, tree: Mapping, entry: Entry, context: Context) -> Failed:
    text = _text_of(tree) if tree.entries[0] is entry else f"{entry.key.text}: …"
    text = text.strip().removeprefix("{").removesuffix("}")
    return walk.reporter.error(
        NAMES_WANTED,
        f"`{entry.key.text}` is an op, but the keys of a mapping name its layers",
        context.place(entry.key.span),
        label="a name is wanted here",
        helps=(f"number it: `[{{{text}}}]`", f"or name it: `{{NAME: {{{text}}}}}`"),
    )


def _text_of(tree: Mapping) -> str:
    span = tree.span
    if span.line != span.end_line:
        first = tree.entries[0]
        return f"{first.key.text}: …"
    return shown(span.source.line(span.line)[span.column - 1 : span.end_column - 1])


def run_modified(
    walk: Walk, tree: Tree, name: str | None, name_span: Span, context: Context, flow: Flow
) -> Run:
    """Runs a layer with the modifiers beside it; in a list the name is None."""
    if not isinstance(tree, Mapping):
        return walk.layer(tree, name or _number(context), name_span, context, flow)
    modifiers = {e.key.text: e for e in tree if e.key.text in MODIFIERS}
    if not modifiers:
        return walk.layer(tree, name or _number(context), name_span, context, flow)
    holds: bool | Failed = True
    if "when" in modifiers:
        holds = walk.condition(modifiers["when"].value, context)
        if holds is False:
            return Run(flow)
        if isinstance(holds, Failed):
            context = context.uncertain()
    rest = Mapping(tuple(e for e in tree if e.key.text not in MODIFIERS), tree.span)
    if not rest.entries:
        at = tree.entries[0].key.span
        helps = ("write `identity` for a layer that does nothing",)
        message = "no op or block stands beside the modifiers"
        return Run(walk.reporter.error(NO_LAYER, message, context.place(at), helps=helps))
    run = _run_beside(walk, rest, modifiers, name, name_span, context, flow)
    return run if holds is True else Run(FAILED, run.elements)


def _run_beside(
    walk: Walk,
    rest: Mapping,
    modifiers: dict[str, Entry],
    name: str | None,
    name_span: Span,
    context: Context,
    flow: Flow,
) -> Run:
    misplaced = _misplaced(walk, modifiers, name, rest, context)
    if "from" in modifiers:
        flow = walk.flow_at(modifiers["from"].value, context)
    if "repeat" in modifiers and misplaced is None:
        return _run_copies(walk, rest, modifiers, name_span, context, flow)
    own: str | Failed = name or ""
    if "name" in modifiers and name is None:
        key = modifiers["name"].value
        wrong = not isinstance(key, Scalar)
        own = FAILED if wrong else walk.name_of(key, context)  # type: ignore[arg-type]
        if wrong:
            message = f"a name is a text, not {kind_of(key)}"
            walk.reporter.error(MODIFIER, message, context.place(key.span))
        name_span = key.span
    elif name is None:
        own = _number(context)
    if isinstance(own, Failed):
        return Run(FAILED)
    return _run_shared(walk, rest, modifiers, own, name_span, context, flow)


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
    owner = None
    if shared is not None:
        owner = walk.path(walk.evaluator.argument(shared.value, context), context)
    start = len(walk.builder.nodes)
    run = walk.layer(rest, name, name_span, context, flow, overrides)
    if shared is not None and isinstance(owner, tuple) and isinstance(run.flow, Flowing):
        place = context.place(shared.value.span)
        share_weights(walk, context.scope.prefix + name, owner[0], start, place)
    return run


def _misplaced(
    walk: Walk, modifiers: dict[str, Entry], name: str | None, rest: Mapping, context: Context
) -> Failed | None:
    failed: Failed | None = None
    if name is not None:
        for word in ("name", "repeat", "first"):
            if word in modifiers:
                text = f"{rest.entries[0].key.text}: …, " + ", ".join(
                    f"{w}: …" for w in ("repeat", "first") if w in modifiers
                )
                helps = (f"write a list: `{name}: [{{{text}}}]`",) if word != "name" else ()
                message = f"`{word}` has a meaning only in a list, where layers are numbered"
                at = context.place(modifiers[word].key.span)
                return walk.reporter.error(MODIFIER, message, at, helps=helps)
    if "first" in modifiers and "repeat" not in modifiers:
        at = context.place(modifiers["first"].key.span)
        failed = walk.reporter.error(MODIFIER, "`first` stands without `repeat`", at)
    for word in ("name", "from"):
        if "repeat" in modifiers and word in modifiers:
            message = f"`repeat` cannot stand with `{word}`: the copies would be alike in it"
            at = context.place(modifiers[word].key.span)
            helps = ("use `for: i`, `in: $(range(n))`, `do: […]`",)
            failed = walk.reporter.error(MODIFIER, message, at, helps=helps)
    return failed


def _run_copies(
    walk: Walk,
    rest: Mapping,
    modifiers: dict[str, Entry],
    name_span: Span,
    context: Context,
    flow: Flow,
) -> Run:
    first = modifiers.get("first")
    overrides: tuple[Entry, ...] = ()
    if first is not None:
        if not isinstance(first.value, Mapping):
            message = f"`first` is a mapping of arguments, not {kind_of(first.value)}"
            walk.reporter.error(MODIFIER, message, context.place(first.value.span))
        else:
            overrides = first.value.entries
    count = walk.count(modifiers["repeat"].value, context)
    if isinstance(count, Failed):
        context, known = context.uncertain(), False
        count = 1
    else:
        known = True
    elements: list[Element] = []
    for copy in range(count):
        run = _run_shared(
            walk, rest, modifiers, _number(context), name_span, context, flow,
            overrides if copy == 0 else (),
        )  # fmt: skip
        flow = run.flow
        elements += run.elements
        if walk.is_too_large(context.place(rest.span)):
            return Run(FAILED)
    return Run(flow if known else FAILED, tuple(elements))


def _number(context: Context) -> str:
    number = context.scope.count
    context.scope.count += 1
    return str(number)


def _run_control(walk: Walk, tree: Mapping, context: Context, flow: Flow) -> Run:
    """Runs a control item: its `do` is spliced into the sequence around it."""
    elements: list[Element] = []
    for body, inner, is_known in control_bodies(walk, tree, context):
        run = walk.sequence(body, inner, flow)
        flow = run.flow if is_known else FAILED
        elements += run.elements
    return Run(flow, tuple(elements))


def control_bodies(walk: Walk, tree: Mapping, context: Context) -> list[tuple[Tree, Context, bool]]:
    """The sequences that a control item stands for, each with the names that it sees.

    The last of each is false where nobody knows whether, or how often, it stands there.
    """
    parts = {e.key.text: e.value for e in tree}
    if _malformed(walk, tree, parts, context):
        return []
    known = True
    if "when" in parts:
        holds = walk.condition(parts["when"], context)
        if holds is False:
            return []
        known = holds is True
    if not known:
        context = context.uncertain()
    if "if" in parts:
        return [(b, c, k and known) for b, c, k in _choices(walk, parts, context)]
    if "repeat" in parts:
        count = walk.count(parts["repeat"], context)
        if isinstance(count, Failed):
            return [(parts["do"], context.uncertain(), False)]
        return [(parts["do"], context, known)] * count
    if "for" in parts:
        return [(b, c, k and known) for b, c, k in _loop(walk, parts, context)]
    return [(parts["do"], context, known)]


def _malformed(walk: Walk, tree: Mapping, parts: dict[str, Tree], context: Context) -> bool:
    for entry in tree:
        key = entry.key.text
        if key not in _CONTROL_KEYS:
            message = f"`{shown(key)}` cannot stand beside `do`"
            if key in MODIFIERS:
                message = f"the modifier `{key}` cannot stand beside `do`, only `when`"
            helps = did_you_mean(key, _CONTROL_KEYS)
            walk.reporter.error(CONTROL, message, context.place(entry.key.span), helps=helps)
            return True
    heads = [word for word in ("repeat", "for", "if") if word in parts]
    wrong = ""
    if len(heads) > 1:
        wrong = f"`{heads[0]}` and `{heads[1]}` stand beside the same `do`"
    elif ("for" in parts) != ("in" in parts):
        present, absent = ("for", "in") if "for" in parts else ("in", "for")
        wrong = f"`{present}` stands without `{absent}`"
    elif "else" in parts and "if" not in parts:
        wrong = "`else` stands without `if`"
    if wrong:
        place = context.place(tree.entries[0].key.span)
        walk.reporter.error(CONTROL, wrong, place)
    return bool(wrong)


def _choices(
    walk: Walk, parts: dict[str, Tree], context: Context
) -> list[tuple[Tree, Context, bool]]:
    holds = walk.condition(parts["if"], context)
    if isinstance(holds, Failed):
        bodies = [parts["do"], *([parts["else"]] if "else" in parts else [])]
        return [(body, context.uncertain(), False) for body in bodies]
    if holds:
        return [(parts["do"], context, True)]
    return [(parts["else"], context, True)] if "else" in parts else []


def _loop(walk: Walk, parts: dict[str, Tree], context: Context) -> list[tuple[Tree, Context, bool]]:
    names = _loop_names(walk, parts["for"], context)
    if names is None:
        return []
    unknown = context.binding(dict.fromkeys(names, FAILED)).uncertain()
    rows = _rows(walk, parts["in"], context)
    if isinstance(rows, Failed):
        return [(parts["do"], unknown, False)]
    bodies: list[tuple[Tree, Context, bool]] = []
    is_row = isinstance(parts["for"], Sequence)
    for row, span in rows:
        if isinstance(row, Failed):
            bodies.append((parts["do"], unknown, False))
            continue
        values = row if is_row else (row,)
        if not isinstance(values, tuple) or len(values) != len(names):
            has = f"{len(values)} elements" if isinstance(values, tuple) else describe(values)
            message = f"`for` has {len(names)} names, but this row is {has}"
            walk.reporter.error(LOOP, message, context.place(span))
            bodies.append((parts["do"], unknown, False))
            continue
        bound: dict[str, Value | Failed] = dict(zip(names, values, strict=True))
        bodies.append((parts["do"], context.binding(bound), True))
    return bodies


def _loop_names(walk: Walk, tree: Tree, context: Context) -> list[str] | None:
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    names: list[str] = []
    for item in items:
        text = item.text if isinstance(item, Scalar) else ""
        if not text.isidentifier() or text == "input" or text in names:
            message = f"{kind_of(item)} is no name for `for`"
            if text in names:
                message = f"`for` has the name `{text}` twice"
            walk.reporter.error(LOOP, message, context.place(item.span))
            return None
        names.append(text)
    return names


def _rows(walk: Walk, tree: Tree, context: Context) -> list[tuple[Value | Failed, Span]] | Failed:
    if isinstance(tree, Sequence):
        return [(walk.evaluator.value(item, context), item.span) for item in tree.items]
    value = walk.evaluator.value(tree, context)
    if isinstance(value, Failed):
        return FAILED
    if not isinstance(value, tuple):
        message = f"`in` is a list, not {describe(value)}"
        return walk.reporter.error(LOOP, message, context.place(tree.span))
    return [(element, tree.span) for element in value]


__all__ = ["control_bodies", "run_modified", "run_sequence"]
