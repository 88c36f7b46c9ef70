"""The arguments of a layer: written inside and beside its op, brought along, a first copy's."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.language.scope import Context, origin_of
from archc.language.tree import Entry
from archc.language.values import Argument
from archc.stages.elaborate.walk import LayerUse, Walk

ARGUMENT_TWICE = Rule(
    "argument/twice", "an argument is given twice", "which one is meant is not known"
)
NO_ARGUMENT = Rule("argument/none-taken", "an op without arguments is given one", "it has no use")


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
            helps = (f"write `{use.op}` alone",)
            walk.reporter.error(NO_ARGUMENT, message, argument.place, helps=helps)
        elif key in first_given:
            continue
        elif key in found:
            given_twice(walk, use, key, argument, found[key].place.span)
        else:
            found[key] = argument
    return found | dict(overrides)


def given_twice(walk: Walk, use: LayerUse, key: str, argument: Argument, first: Span) -> None:
    """Reports an argument that stands at another place already."""
    related = (Related(first, "first given here"),)
    message = f"`{key}` of `{use.op}` is given twice"
    # A block's, for which the declaration may be at fault, are one mistake; an op's are not.
    file = origin_of(use.op).file
    block = file.block(use.op) if file is not None else None
    cause = ("twice", block, key) if block is not None else None
    walk.reporter.error(ARGUMENT_TWICE, message, argument.place, related=related, cause=cause)


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
