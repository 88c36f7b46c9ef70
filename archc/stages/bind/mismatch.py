"""The one report of all that does not fit between a checkpoint and a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import nearest
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.tree import shown
from archc.stages.bind.assignment import Assignment
from archc.stages.bind.ends import Head, differing_heads, differing_stems
from archc.weights.keras_layout import fits_as_keras

MISMATCH = Rule(
    "weights/mismatch",
    "a checkpoint does not hold the weights that the spec wants",
    "a model with some weights missing or left over computes something else, without a word",
)

LISTED = 20
"""Names that have a line of their own."""

NAMED = 5_000
"""Names that are told at all; no network has as many, a hostile file may."""


def report_mismatch(found: Assignment, place: Place, reporter: Reporter) -> Failed:
    """Reports what is missing, left over, in another shape or there twice.

    Reports:
        weights/mismatch.
    """
    missing, extra, misfits = found.missing, list(found.extra), found.misfits
    shapes = [_misfit(found, name) for name in misfits]
    counts = [
        f"{len(items)} {what}"
        for items, what in (
            (missing, "missing"), (extra, "unexpected"), (shapes, "of another shape"),
            (found.twice, "named twice"),
        )
        if items
    ]  # fmt: skip
    notes = [
        *_listed("missing", missing, lambda name: _near(name, extra, found)),
        *_listed("unexpected", extra, lambda name: f"`{shown(name)}`"),
        *_listed("of another shape", shapes),
        *_listed("named twice", found.twice),
        *_listed("numbered otherwise", list(found.counts)),
    ]
    message = f"the checkpoint does not fit the spec: {', '.join(counts)}"
    return reporter.error(MISMATCH, message, place, notes=notes, helps=_helps(found))


def _misfit(found: Assignment, name: str) -> str:
    stored, source = found.found[name].stored.shape, found.found[name].source.shape
    text = f"`{name}` is {list(stored)} in the file"
    if source != stored:
        text += f", {list(source)} transposed"
    return f"{text}, the spec wants {list(found.wanted[name][1].shape)}"


def _near(name: str, extra: list[str], found: Assignment) -> str:
    called = name if found.keras is None else found.keras.called(name)
    near = nearest(called, extra[:500]) if len(called) < 80 else None
    text = f"`{name}`" if called == name else f"`{name}` (`{called}` in Keras)"
    return f"{text} (the file has `{shown(near)}`)" if near else text


def _listed(what: str, items: list[str], told: Callable[[str], str] = str) -> list[str]:
    """All items: the first a line each, as they are told, the others together in one."""
    lines = [f"{what}: {told(item)}" for item in items[:LISTED]]
    if len(items) > LISTED:
        others = ", ".join(shown(item) for item in items[LISTED:NAMED])
        more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
        lines.append(f"{what} as well: {others}{more}")
    return lines


def _helps(found: Assignment) -> list[str]:
    """What may be written, by what does not fit."""
    helps = []
    if found.extra:
        helps.append("list what is not needed under `weights: {ignore: [PATTERN]}` in the spec")
    if found.missing and found.extra:
        helps.append("map other names by `weights: {rename: {PATTERN: NAME}}` in the spec")
    misfits = found.misfits
    if any(_is_of_other_layout(found, name) for name in misfits):
        other = "keras" if found.keras is None else "torch"
        helps.append(f"the arrays lie as {other.title()} has them: `weights: {{layout: {other}}}`")
    heads, stems = differing_heads(found), differing_stems(found)
    explained = {*stems, *(name for head in heads for name in head.weights)}
    if explained.issuperset(found.missing) and explained.issuperset(misfits):
        helps += _ends(heads, stems)
    return helps


def _ends(heads: tuple[Head, ...], stems: tuple[str, ...]) -> Iterator[str]:
    if heads:
        names = ", ".join(f"`{head.node.name}`" for head in heads)
        yield (
            f"{names} ends the network: `--head init` draws it, `--head drop` leaves it out, "
            "`--head slice` takes its first classes"
        )
    if stems:
        names = ", ".join(f"`{name}`" for name in stems)
        yield (
            f"{names} takes the input: `--stem sum` adds the kernels up to one channel, "
            "`--stem repeat` repeats them, `--stem init` draws them"
        )


def _is_of_other_layout(found: Assignment, name: str) -> bool:
    weight, stored = found.wanted[name][1], found.found[name].stored.shape
    if found.keras is None:
        return fits_as_keras(weight, stored)
    return stored == weight.shape
