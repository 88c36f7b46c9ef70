"""The one report of all that does not fit between a checkpoint and a graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

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
    "A model with some weights missing or left over computes something else, without a word.",
)

_USUAL = re.compile(r"[A-Za-z0-9_.]{1,60}")

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
    near = _near_names(found, missing, extra)
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
        *_listed("missing", missing, lambda name: _missed(name, near, found)),
        *_listed("unexpected", extra, lambda name: f"`{shown(name)}`"),
        *_listed("of another shape", shapes),
        *_listed("named twice", found.twice),
        *_listed("numbered otherwise", list(found.counts)),
    ]
    message = f"the checkpoint does not fit the spec: {', '.join(counts)}"
    return reporter.error(MISMATCH, message, place, notes=notes, helps=_helps(found, near))


def _misfit(found: Assignment, name: str) -> str:
    stored, source = found.found[name].stored.shape, found.found[name].source.shape
    text = f"`{name}` is {list(stored)} in the file"
    if source != stored:
        text += f", {list(source)} transposed"
    return f"{text}, the spec wants {list(found.wanted[name][1].shape)}"


def _near_names(found: Assignment, missing: list[str], extra: list[str]) -> Mapping[str, str]:
    """The nearest unexpected name for each of the missing ones that have a line of their own."""
    pairs = ((name, nearest(_called(name, found), extra[:500])) for name in missing[:LISTED])
    return {name: near for name, near in pairs if near is not None}


def _called(name: str, found: Assignment) -> str:
    """What the file would call a weight."""
    return name if found.keras is None else found.keras.called(name)


def _missed(name: str, near: Mapping[str, str], found: Assignment) -> str:
    called = _called(name, found)
    text = f"`{name}`" if called == name else f"`{name}` (`{called}` in Keras)"
    return f"{text} (the file has `{shown(near[name])}`)" if name in near else text


def _listed(what: str, items: list[str], told: Callable[[str], str] = str) -> list[str]:
    """All items: the first a line each, as they are told, the others together in one."""
    lines = [f"{what}: {told(item)}" for item in items[:LISTED]]
    if len(items) > LISTED:
        others = ", ".join(shown(item) for item in items[LISTED:NAMED])
        more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
        lines.append(f"{what} as well: {others}{more}")
    return lines


def _helps(found: Assignment, near: Mapping[str, str]) -> list[str]:
    """What may be written, by what does not fit."""
    prefix = _prefix(found)
    helps = list(_of_names(found, near)) if prefix is None else [
        f"names in the file begin with `{prefix}`: take it off with `--prefix {prefix}`"
    ]  # fmt: skip
    misfits = found.misfits
    if any(_is_of_other_layout(found, name) for name in misfits):
        other = "keras" if found.keras is None else "torch"
        helps.append(f"the arrays lie as {other.title()} has them: `weights: {{layout: {other}}}`")
    heads, stems = differing_heads(found), differing_stems(found)
    explained = {*stems, *(name for head in heads for name in head.weights)}
    if explained.issuperset(found.missing) and explained.issuperset(misfits):
        helps += _ends(heads, stems)
    return helps


def _of_names(found: Assignment, near: Mapping[str, str]) -> Iterator[str]:
    """What may be written where names differ; examples only where it is clear what is meant."""
    spare = next((name for name in found.extra if name not in near.values()), None)
    if spare is not None:
        is_clear = len(near) == len(found.missing)
        layer = _pattern(spare.rpartition(".")[0]) if is_clear else None
        entry = "PATTERN" if layer is None else f"'{layer}\\..*'"
        yield f"pass over what is not needed: `weights: {{ignore: [{entry}]}}` in the spec"
    if found.missing and found.extra:
        yield f"map other names: `weights: {{rename: {{{_rename(near)}}}}}` in the spec"
        yield "`archc weights match SPEC FILE` tells by structure which tensor is which"


def _prefix(found: Assignment) -> str | None:
    """What stands before the names of more than half of the missing weights in the file."""
    missing = found.missing
    if found.keras is not None or not missing:
        return None
    longer = (name.removesuffix(missing[0]) for name in found.extra if name.endswith(missing[0]))
    for prefix in islice(longer, LISTED):
        count = sum(f"{prefix}{name}" in found.extra for name in missing)
        if _pattern(prefix) is not None and 2 * count > len(missing):
            return prefix
    return None


def _rename(near: Mapping[str, str]) -> str:
    """A rule for the names of the first layer that is called otherwise, else the form of one."""
    for wanted, stored in near.items():
        layer, _, weight = wanted.rpartition(".")
        other, _, same = stored.rpartition(".")
        pattern = _pattern(other)
        if weight == same and layer and pattern is not None:
            return f"'^{pattern}\\.': {layer}."
    return "PATTERN: NAME"


def _pattern(name: str) -> str | None:
    """The pattern that is a name of usual characters."""
    return name.replace(".", r"\.") if _USUAL.fullmatch(name) else None


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
