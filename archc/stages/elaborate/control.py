"""Control items: `do` once, `repeat` times, `for` each element, or `if` a condition holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Frame, Span, copy_frame, ordinal
from archc.diagnostics.reporter import FAILED, Failed
from archc.language.scope import Context
from archc.language.spec import CONTROL_KEYS, MODIFIERS
from archc.language.tree import Mapping, Scalar, Sequence, Tree, kind_of, shown
from archc.language.values import Value, describe
from archc.layers.catalog import OPS
from archc.stages.elaborate.walk import Walk

CONTROL = Rule(
    "control/form", "a control item is not formed properly",
    "`do` stands with one of `repeat`, `for` and `in`, `if` and `else`, or alone",
)  # fmt: skip
LOOP = Rule(
    "control/loop", "a loop cannot be run", "each element of `in` gives the names of `for` a value"
)

_HEADS = ("for", "in", "if", "else")


class Body(NamedTuple):
    """A sequence that a control item stands for, and the names that it sees.

    Attributes:
        is_known: false where nobody knows whether, or how often, it stands there.
    """

    tree: Tree
    context: Context
    is_known: bool = True


def is_control(item: Mapping) -> bool:
    """Whether an item of a list is a control item."""
    return item.get("do") is not None


def lacks_do(item: Mapping) -> bool:
    """Whether an item of a list of layers begins as a control item does, but has no `do`."""
    return bool(item.entries) and item.entries[0].key.text in _HEADS


def control_bodies(walk: Walk, tree: Mapping, context: Context) -> Iterator[Body]:
    """The sequences that a control item stands for, in order.

    Reports:
        control/form, control/loop, and what its conditions and counts report.
    """
    for body in _bodies(walk, tree, context):
        if not body.is_known:
            body.context.scope.is_counted = body.context.scope.is_whole = False
        if not walk.step(tree.span, context):
            yield Body(body.tree, body.context.uncertain(), is_known=False)
            return
        yield body


def _bodies(walk: Walk, tree: Mapping, context: Context) -> Iterator[Body]:
    parts = {e.key.text: e.value for e in tree}
    if _malformed(walk, tree, parts, context):
        context.scope.is_whole = False
        yield Body(Sequence((), tree.span), context.uncertain(), is_known=False)
        return
    known = True
    if "when" in parts:
        holds = walk.condition(parts["when"], context)
        if holds is False:
            return
        known = holds is True
    inner = context if known else context.uncertain()
    for body in _choose(walk, parts, inner):
        yield Body(body.tree, body.context, body.is_known and known)


def _choose(walk: Walk, parts: dict[str, Tree], context: Context) -> Iterator[Body]:
    if "if" in parts:
        yield from _choices(walk, parts, context)
    elif "repeat" in parts:
        count = walk.count(parts["repeat"], context)
        if isinstance(count, Failed):
            yield Body(parts["do"], context.uncertain(), is_known=False)
            return
        at = parts["repeat"].span
        for copy in range(count):
            yield Body(parts["do"], context.inside(copy_frame(copy + 1, at)) if copy else context)
    elif "for" in parts:
        yield from _loop(walk, parts, context)
    else:
        yield Body(parts["do"], context)


def _malformed(walk: Walk, tree: Mapping, parts: dict[str, Tree], context: Context) -> bool:
    for entry in tree:
        key = entry.key.text
        if key not in CONTROL_KEYS:
            message = f"`{shown(key)}` cannot stand beside `do`"
            helps = did_you_mean(key, CONTROL_KEYS)
            if key in MODIFIERS:
                message = f"the modifier `{key}` cannot stand beside `do`, only `when` can"
            elif key in OPS:
                helps = (f"write the layer into `do`: `do: [{{{key}: …}}]`",)
            walk.reporter.error(CONTROL, message, context.place(entry.key.span), helps=helps)
            return True
    wrong, helps = _wrong_parts(parts)
    if wrong:
        place = context.place(tree.entries[0].key.span)
        walk.reporter.error(CONTROL, wrong, place, helps=helps)
    return bool(wrong)


def _wrong_parts(parts: dict[str, Tree]) -> tuple[str, tuple[str, ...]]:
    heads = [word for word in ("repeat", "for", "if") if word in parts]
    if len(heads) > 1:
        helps = ("put one control item into the `do` of the other",)
        return f"`{heads[0]}` and `{heads[1]}` stand beside the same `do`", helps
    if ("for" in parts) != ("in" in parts):
        present, absent = ("for", "in") if "for" in parts else ("in", "for")
        return f"`{present}` stands without `{absent}`", (f"add `{absent}: …`",)
    if "else" in parts and "if" not in parts:
        return "`else` stands without `if`", ("add `if: $(…)`",)
    if "do" not in parts:
        return f"`{heads[0]}` stands without `do`", ("add `do: […]` with the layers",)
    return "", ()


def _choices(walk: Walk, parts: dict[str, Tree], context: Context) -> Iterator[Body]:
    holds = walk.condition(parts["if"], context)
    if isinstance(holds, Failed):
        for word in ("do", "else"):
            if word in parts:
                yield Body(parts[word], context.uncertain(), is_known=False)
    elif holds:
        yield Body(parts["do"], context)
    elif "else" in parts:
        yield Body(parts["else"], context)


def _loop(walk: Walk, parts: dict[str, Tree], context: Context) -> Iterator[Body]:
    names = _loop_names(walk, parts["for"], context)
    unknown = context.binding(dict.fromkeys(names or (), FAILED)).uncertain()
    rows = _rows(walk, parts["in"], context) if names is not None else FAILED
    if isinstance(rows, Failed) or names is None:
        if names is not None:
            yield Body(parts["do"], unknown, is_known=False)
        else:
            yield Body(Sequence((), parts["do"].span), unknown, is_known=False)
        return
    is_row = isinstance(parts["for"], Sequence)
    for number, (row, span) in enumerate(rows, 1):
        values = row if is_row else (row,)
        if isinstance(row, Failed) or isinstance(values, Failed):
            yield Body(parts["do"], unknown, is_known=False)
        elif not isinstance(values, tuple) or len(values) != len(names):
            has = f"has {len(values)}" if isinstance(values, tuple) else f"is `{describe(values)}`"
            message = f"`for` has {len(names)} names, but this row {has}"
            walk.reporter.error(LOOP, message, context.place(span))
            yield Body(parts["do"], unknown, is_known=False)
        else:
            bound: dict[str, Value | Failed] = dict(zip(names, values, strict=True))
            inner = context.binding(bound)
            if number > 1:  # a mistake of the first round is mostly one of each
                frame = Frame(f"the {ordinal(number)} round", parts["for"].span, _bound(bound))
                inner = inner.inside(frame)
            yield Body(parts["do"], inner)


def _bound(names: dict[str, Value | Failed]) -> str:
    """What the names of a round stand for, in words."""
    known = {n: describe(v) for n, v in names.items() if not isinstance(v, Failed)}
    said = " and ".join(f"`{name}` is `{shown(text)}`" for name, text in known.items())
    return f"where {said}" if said else ""


def _loop_names(walk: Walk, tree: Tree, context: Context) -> list[str] | None:
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    names: list[str] = []
    for item in items:
        text = item.text if isinstance(item, Scalar) else ""
        if not text.isidentifier() or not text.isascii() or text == "input" or text in names:
            message = f"{kind_of(item)} is no name for `for`"
            if text in names:
                message = f"`for` has the name `{text}` twice"
            elif text == "input":
                message = "`input` is the tensor that enters, and no name for `for`"
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
        message = f"`in` is a list, not `{describe(value)}`"
        is_count = isinstance(value, int) and not isinstance(value, bool)
        helps = (f"to count, write `in: $(range({describe(value)}))`",) if is_count else ()
        return walk.reporter.error(LOOP, message, context.place(tree.span), helps=helps)
    return [(element, tree.span) for element in value]
