"""The ways to break a spec, entered by the modules beside, and where in a spec they look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from archc.language.tree import Entry, Mapping, Scalar, Tree
from tests.mutations.families import Family, scalars
from tests.mutations.sites import Site

REFERENCE = re.compile(r"\$([A-Za-z_]\w*)(?:\.\w+)*\Z")


@dataclass(frozen=True)
class Mutation:
    """A broken spec.

    Attributes:
        kind: the way it was broken.
        text: the whole text.
        line: the line that is wrong.
        meant: the name that stood there, which the help is to give back; empty if none.
    """

    kind: str
    text: str
    line: int
    meant: str = ""


Kind: TypeAlias = Callable[[Family], Iterator[Mutation]]
KINDS: dict[str, Kind] = {}


def kind(function: Kind) -> Kind:
    """Enters a way to break a spec."""
    KINDS[function.__name__.replace("_", "-")] = function
    return function


def misspelt(name: str) -> str:
    """A name as a hurried hand types it: two letters swapped, or the last one lost."""
    for i in range(len(name) // 2, len(name) - 1):
        if name[i] != name[i + 1] and name[i].isalpha() and name[i + 1].isalpha():
            return name[:i] + name[i + 1] + name[i] + name[i + 2 :]
    return name + name[-1]


def respelt(family: Family, sites: Iterable[Site], why: str) -> Iterator[Mutation]:
    for site in sites:
        text = family.replaced(site.span, misspelt(site.text))
        yield Mutation(why, text, site.span.line, site.text)


def named_entries(family: Family, tree: Tree | None) -> Iterator[Entry]:
    if isinstance(tree, Mapping):
        yield from (e for e in tree if e.key.span.line == e.key.span.end_line)


def value_sites(family: Family) -> Iterator[Site]:
    return (s for s in family.sites if s.kind in ("value", "principal"))


def as_written(scalar: Scalar, text: str) -> str:
    if not scalar.is_quoted:
        return text
    quote = '"' if "'" in text else "'"
    return f"{quote}{text}{quote}"


def expressions(family: Family) -> Iterator[Scalar]:
    """The scalars that hold an expression which is evaluated for the variant."""
    for key in ("let",):
        part = family.part(key)
        if part is not None:
            yield from (s for s in scalars(part) if "$(" in s.text and is_one_line(s))
    yield from (s.scalar for s in value_sites(family) if "$(" in s.text)


def is_one_line(scalar: Scalar) -> bool:
    return scalar.span.line == scalar.span.end_line


def variant_entries(family: Family) -> Iterator[Entry]:
    """The entries of the family's variant."""
    variants = family.part("variants")
    if isinstance(variants, Mapping) and family.variant is not None:
        entry = variants.get(family.variant)
        if entry is not None:
            yield from named_entries(family, entry.value)


def expected_entries(family: Family) -> Iterator[Entry]:
    """What the variant, or the spec without variants, expects."""
    if family.variant is None:
        yield from named_entries(family, family.part("expect"))
    for entry in variant_entries(family):
        if entry.key.text == "expect":
            yield from named_entries(family, entry.value)


def parameters(family: Family) -> Iterator[Entry]:
    """The declared parameters of the spec and of the blocks in use."""
    yield from named_entries(family, family.part("params"))
    for body in named_entries(family, family.part("blocks")):
        declared = body.value.get("params") if isinstance(body.value, Mapping) else None
        if declared is not None and any(
            family.is_live(n) for n in range(body.key.span.line, body.value.span.end_line + 1)
        ):
            yield from named_entries(family, declared.value)


def used_names(family: Family) -> set[str]:
    """The names that an expression of the layers uses."""
    texts = " ".join(s.text for s in value_sites(family) if "$" in s.text)
    return set(re.findall(r"[A-Za-z_]\w*", texts))


def in_expression(reference: str) -> str:
    name, *rest = reference[1:].split(".")
    return name + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in rest)
