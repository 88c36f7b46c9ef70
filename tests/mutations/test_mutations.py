"""Every family of the zoo, broken in every way that fits it: one report each, at the broken line.

What counts as "at the broken line":

- The primary place is on it. Nothing else counts for most kinds.
- Where a layer's result is at odds with that of another, nobody knows which of them is meant. The
  broken line then is the primary place, one of the labelled places, or a use on the way there; the
  kinds that may be so are listed in `ELSEWHERE`.
- Where the network is well typed but another one, the place is what `expect` says of it.
- What was removed has no line. The report is at what lacks it; see `REMOVED`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.machine import render_json
from archc.diagnostics.text import render_text
from tests.mutations.every_kind import EVERY_KIND
from tests.mutations.families import Family, families
from tests.mutations.kinds import Mutation

SITES_OF_A_KIND = 2
"""The first and the last place where a kind fits a family."""

LEAST_MUTATIONS = 25

FAMILIES = {family.name: family for family in families()}

ELSEWHERE = {
    "width": "a width meets another at a merge or a group, and either may be meant",
    "width-in-a-branch": "the branches differ, and either may be meant",
    "stride-in-a-branch": "the branches differ, and either may be meant",
    "padding-lost": "the branches differ, and either may be meant",
    "kernel-too-large": "the branches differ, or `where` admits sizes that are too small",
    "indented-deeper": "of two lines that are indented differently, either may be meant",
    "indented-less": "of two lines that are indented differently, either may be meant",
}
"""Kinds whose line may be a labelled place or a use, beside the primary place, and why."""

REMOVED = {
    "removed-layer": "what lacks the layer is marked: the next one, a merge, or a path to it",
    "removed-parameter": "its uses are marked",
    "removed-block-parameter": "its uses are marked",
    "removed-import": "the first block that is not known is marked",
}
"""Kinds whose report is at what lacks the removed, and why."""

SEVERAL = {
    "channels-last": "[224, 224, 3] is a shape, so a warning; and then no window fits",
}
"""Kinds that may give two reports, and why."""

HARMLESS = frozenset({"removed-layer", "padding-lost", "stride-in-a-branch", "kernel-too-large"})
"""Kinds that may leave the network as it is: where the facts are the same, nothing is wrong."""


def mutations(family: Family, *, everything: bool = False) -> Iterator[Mutation]:
    """The mutations of a family: of each kind those at the first and the last place."""
    for make in EVERY_KIND.values():
        found = list(make(family))
        if len(found) > SITES_OF_A_KIND and not everything:
            found = [found[0], found[-1]]
        yield from found


@pytest.mark.parametrize("name", FAMILIES)
def test_each_mutation_of_a_family_is_one_report_at_its_line(name: str) -> None:
    family = FAMILIES[name]
    facts = family.validate(family.text).facts
    wrong = [
        f"{mutation.kind}, line {mutation.line}: {text}\n{render_text(result.diagnostics)}"
        for mutation in mutations(family)
        for result in [family.validate(mutation.text)]
        for text in _complaints(mutation, result.diagnostics)
        if result.diagnostics or mutation.kind not in HARMLESS or result.facts != facts
    ]

    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_broken_in_many_ways(name: str) -> None:
    found = list(mutations(FAMILIES[name]))

    assert len(found) >= LEAST_MUTATIONS
    assert len({mutation.text for mutation in found}) >= LEAST_MUTATIONS
    assert all(mutation.text != FAMILIES[name].text for mutation in found)


def test_every_kind_fits_a_family() -> None:
    used = {mutation.kind for family in FAMILIES.values() for mutation in mutations(family)}

    assert used == set(EVERY_KIND)


def _complaints(mutation: Mutation, found: tuple[Diagnostic, ...]) -> list[str]:
    """What is wrong with the report of a mutation."""
    if not found:
        return ["nothing is reported"]
    first = found[0]
    complaints = []
    if not any(d.severity is Severity.ERROR for d in found):
        is_warned = mutation.kind == "channels-last"
        complaints += [] if is_warned else ["it is no error"]
    if len(found) > 1 + (mutation.kind in SEVERAL):
        complaints.append(f"{len(found)} reports")
    if not _is_at(first, mutation):
        complaints.append(f"the report is at line {first.span.line}")
    if mutation.meant and not _is_named(mutation.meant, first, mutation):
        complaints.append(f"`{mutation.meant}` is not suggested")
    assert "Traceback" not in render_json(found)
    return complaints


def _is_at(first: Diagnostic, mutation: Mutation) -> bool:
    if first.rule.slug == "expect/not-met" or mutation.kind in REMOVED:
        return True
    lines = {first.span.line}
    if mutation.kind in ELSEWHERE:
        lines |= {related.span.line for related in first.related}
        lines |= {frame.span.line for frame in first.place.trail}
    return mutation.line in lines


def _is_named(meant: str, first: Diagnostic, mutation: Mutation) -> bool:
    """Whether a help gives the name that was meant, or for what was removed the message."""
    texts = (*first.helps, first.message) if mutation.kind in REMOVED else first.helps
    return any(f"`{meant}`" in text or f"{meant}:" in text for text in texts)
