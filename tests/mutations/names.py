"""Mutations of names: nothing bears what is then written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archc.language.functions import FUNCTIONS
from archc.language.spec import MODIFIERS
from archc.language.tree import Mapping, Scalar
from tests.mutations.families import Family, scalars
from tests.mutations.kinds import (
    REFERENCE,
    Mutation,
    as_written,
    expected_entries,
    expressions,
    kind,
    misspelt,
    named_entries,
    parameters,
    respelt,
    value_sites,
    variant_entries,
)
from tests.mutations.sites import MERGES, is_op

_IN_EXPRESSION = re.compile(r"\$\(.*?([A-Za-z_]\w*)")
_CALL = re.compile(r"\b([a-z]+)\(")


@kind
def op(family: Family) -> Iterator[Mutation]:
    return respelt(family, (s for s in family.sites if is_op(s) and len(s.text) > 3), "op")


@kind
def merge(family: Family) -> Iterator[Mutation]:
    found = (s for s in family.sites if s.kind == "op" and s.text in MERGES)
    return respelt(family, found, "merge")


@kind
def block(family: Family) -> Iterator[Mutation]:
    names = family.file.block_names
    found = (s for s in family.sites if s.kind == "op" and s.text in names)
    return respelt(family, found, "block")


@kind
def argument(family: Family) -> Iterator[Mutation]:
    found = (s for s in family.sites if s.kind == "argument" and len(s.text) > 2)
    return respelt(family, found, "argument")


@kind
def modifier(family: Family) -> Iterator[Mutation]:
    found = (s for s in family.sites if s.kind == "modifier" and s.text in MODIFIERS)
    return respelt(family, found, "modifier")


@kind
def parameter(family: Family) -> Iterator[Mutation]:
    for site in value_sites(family):
        match = REFERENCE.match(site.text)
        if match and len(match[1]) > 2 and match[1] != "input":
            text = site.text.replace(match[1], misspelt(match[1]), 1)
            new = family.replaced(site.span, as_written(site.scalar, text))
            yield Mutation("parameter", new, site.span.line, match[1])


@kind
def name_in_expression(family: Family) -> Iterator[Mutation]:
    for site in value_sites(family):
        match = _IN_EXPRESSION.match(site.text)
        if match and match[1] not in FUNCTIONS and match[1] != "not" and len(match[1]) > 3:
            text = re.sub(rf"\b{match[1]}\b", misspelt(match[1]), site.text, count=1)
            new = family.replaced(site.span, as_written(site.scalar, text))
            yield Mutation("name-in-expression", new, site.span.line, match[1])


@kind
def function(family: Family) -> Iterator[Mutation]:
    for scalar in expressions(family):
        for match in _CALL.finditer(scalar.text):
            if match[1] in FUNCTIONS and len(match[1]) > 3:
                text = scalar.text.replace(match[1] + "(", misspelt(match[1]) + "(", 1)
                new = family.replaced(scalar.span, as_written(scalar, text))
                yield Mutation("function", new, scalar.span.line, match[1])


@kind
def path(family: Family) -> Iterator[Mutation]:
    for site in family.sites:
        if site.of in ("from", "weights") and site.kind == "value" and "$" not in site.text:
            yield from respelt(family, [site], "path")


@kind
def output_path(family: Family) -> Iterator[Mutation]:
    for entry in named_entries(family, family.part("outputs")):
        if isinstance(entry.value, Scalar):
            new = family.replaced(entry.value.span, misspelt(entry.value.text))
            yield Mutation("output-path", new, entry.value.span.line, entry.value.text)


@kind
def top_level_key(family: Family) -> Iterator[Mutation]:
    for entry in family.tree:
        new = family.replaced(entry.key.span, misspelt(entry.key.text))
        is_version = entry.key.text == "archc"
        meant = "" if is_version else entry.key.text
        yield Mutation("top-level-key", new, entry.key.span.line, meant)


@kind
def imported_file(family: Family) -> Iterator[Mutation]:
    for scalar in scalars(family.part("imports") or family.tree.entries[0].key):
        if family.part("imports") is not None:
            new = family.replaced(scalar.span, misspelt(scalar.text))
            yield Mutation("imported-file", new, scalar.span.line, scalar.text)


@kind
def variant_parameter(family: Family) -> Iterator[Mutation]:
    for entry in variant_entries(family):
        if entry.key.text != "expect":
            new = family.replaced(entry.key.span, misspelt(entry.key.text))
            yield Mutation("variant-parameter", new, entry.key.span.line, entry.key.text)


@kind
def expected_fact(family: Family) -> Iterator[Mutation]:
    for entry in expected_entries(family):
        new = family.replaced(entry.key.span, misspelt(entry.key.text))
        yield Mutation("expected-fact", new, entry.key.span.line, entry.key.text)


@kind
def preprocess_key(family: Family) -> Iterator[Mutation]:
    for entry in named_entries(family, family.part("preprocess")):
        new = family.replaced(entry.key.span, misspelt(entry.key.text))
        yield Mutation("preprocess-key", new, entry.key.span.line, entry.key.text)


@kind
def where_key(family: Family) -> Iterator[Mutation]:
    for line, text in enumerate(family.lines, 1):
        if text.startswith("input:") and "default" in text:
            new = text.replace("default", "defualt", 1)
            yield Mutation("where-key", family.with_line(line, new), line, "default")


@kind
def declared_type(family: Family) -> Iterator[Mutation]:
    for entry in parameters(family):
        if isinstance(entry.value, Scalar) and entry.value.text == "int":
            new = family.replaced(entry.value.span, "itn")
            yield Mutation("declared-type", new, entry.value.span.line, "int")
        elif isinstance(entry.value, Mapping) and entry.value.get("type") is not None:
            for part in entry.value:
                if part.key.text == "type" and part.value.span.line == part.value.span.end_line:
                    new = family.replaced(part.value.span, "laeyr")
                    yield Mutation("declared-type", new, part.value.span.line, "layer")


@kind
def declaration_key(family: Family) -> Iterator[Mutation]:
    for entry in parameters(family):
        for part in named_entries(family, entry.value):
            new = family.replaced(part.key.span, misspelt(part.key.text))
            yield Mutation("declaration-key", new, part.key.span.line, part.key.text)
