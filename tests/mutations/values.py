"""Mutations of values: they do not fit where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archc.language.tree import Scalar
from tests.mutations.families import Family
from tests.mutations.kinds import (
    REFERENCE,
    Mutation,
    as_written,
    expected_entries,
    in_expression,
    kind,
    variant_entries,
)
from tests.mutations.sites import Site


def _numbers(family: Family, *names: str) -> Iterator[Site]:
    for site in family.sites:
        is_number = isinstance(site.scalar.value, int) and not isinstance(site.scalar.value, bool)
        if site.of in names and is_number and site.kind in ("value", "principal"):
            yield site


@kind
def width(family: Family) -> Iterator[Mutation]:
    for site in _numbers(family, "conv", "dense"):
        if site.op == site.of:
            new = family.replaced(site.span, str(int(site.text) + 1))
            yield Mutation("width", new, site.span.line)


@kind
def width_in_a_branch(family: Family) -> Iterator[Mutation]:
    for site in family.sites:
        if site.is_branch and site.kind == "principal" and site.op != "multiply":
            if isinstance(site.scalar.value, int) and not isinstance(site.scalar.value, bool):
                text = str(site.scalar.value + 1)
            elif REFERENCE.match(site.text):
                text = f"$({in_expression(site.text)} + 1)"
            else:
                continue
            new = family.replaced(site.span, text)
            yield Mutation("width-in-a-branch", new, site.span.line)


@kind
def stride_in_a_branch(family: Family) -> Iterator[Mutation]:
    for site in family.sites:
        if site.is_branch and site.of == "stride" and site.kind == "value":
            new = family.replaced(site.span, "3" if site.text == "2" else "2")
            yield Mutation("stride-in-a-branch", new, site.span.line)


@kind
def padding_lost(family: Family) -> Iterator[Mutation]:
    for site in _numbers(family, "padding"):
        if site.is_branch and site.text != "0":
            new = family.replaced(site.span, "0")
            yield Mutation("padding-lost", new, site.span.line)


@kind
def kernel_too_large(family: Family) -> Iterator[Mutation]:
    for site in _numbers(family, "kernel", "max_pool", "avg_pool"):
        new = family.replaced(site.span, "999")
        yield Mutation("kernel-too-large", new, site.span.line)


@kind
def groups(family: Family) -> Iterator[Mutation]:
    for site in family.sites:
        if site.kind == "value" and site.of == "kernel" and site.op == "conv":
            text = f"{as_written(site.scalar, site.text)}, groups: 7"
            line = family.lines[site.span.line - 1]
            if "groups" not in line and "{" in line and "[" not in line[site.span.column - 3 :]:
                yield Mutation("groups", family.replaced(site.span, text), site.span.line)


@kind
def literal_of_a_wrong_type(family: Family) -> Iterator[Mutation]:
    for site in _numbers(family, "kernel", "stride", "padding", "conv", "dense"):
        new = family.replaced(site.span, f"'{site.text}'")
        yield Mutation("literal-of-a-wrong-type", new, site.span.line)


@kind
def bool_of_a_wrong_type(family: Family) -> Iterator[Mutation]:
    for site in family.sites:
        if isinstance(site.scalar.value, bool) and site.of not in ("when", "if"):
            new = family.replaced(site.span, "no")
            yield Mutation("bool-of-a-wrong-type", new, site.span.line)


@kind
def number_below_its_bound(family: Family) -> Iterator[Mutation]:
    for site in _numbers(family, "kernel", "conv", "dense", "stride"):
        new = family.replaced(site.span, "-1")
        yield Mutation("number-below-its-bound", new, site.span.line)


@kind
def value_lost(family: Family) -> Iterator[Mutation]:
    for site in _numbers(family, "kernel", "stride", "padding"):
        line = family.lines[site.span.line - 1]
        if line[site.span.column - 3 : site.span.column - 1] == ": ":
            yield Mutation("value-lost", family.replaced(site.span, ""), site.span.line)


@kind
def expected_number(family: Family) -> Iterator[Mutation]:
    for entry in expected_entries(family):
        if isinstance(entry.value, Scalar) and isinstance(entry.value.value, int):
            new = family.replaced(entry.value.span, str(entry.value.value + 1))
            yield Mutation("expected-number", new, entry.value.span.line)


@kind
def choice(family: Family) -> Iterator[Mutation]:
    for entry in variant_entries(family):
        declared = family.file.params.get(entry.key.text)
        if declared is not None and declared.choices is not None:
            new = family.replaced(entry.value.span, "relu")
            yield Mutation("choice", new, entry.value.span.line)


@kind
def variant_value_of_a_wrong_type(family: Family) -> Iterator[Mutation]:
    for entry in variant_entries(family):
        if entry.key.text != "expect" and entry.value.span.line == entry.value.span.end_line:
            new = family.replaced(entry.value.span, "{relu: 3, x: 1}")
            yield Mutation("variant-value-of-a-wrong-type", new, entry.value.span.line)


@kind
def row_too_short(family: Family) -> Iterator[Mutation]:
    for number, line in enumerate(family.lines, 1):
        match = re.match(r"\s+- \[[^\[\]]*(, *[^\[\],]+)\]\s*$", line)
        if match and _is_loop_row(family, number):
            new = line[: match.start(1)] + line[match.end(1) :]
            yield Mutation("row-too-short", family.with_line(number, new), number)


def _is_loop_row(family: Family, number: int) -> bool:
    before = number - 1
    while before and family.lines[before - 1].lstrip().startswith("- ["):
        before -= 1
    return family.lines[before - 1].strip() == "in:"


@kind
def channels_last(family: Family) -> Iterator[Mutation]:
    for number, line in enumerate(family.lines, 1):
        match = re.search(r"\[(3), (\S+), (\S+)\]", line)
        if match and line.startswith("input:"):
            new = line[: match.start()] + f"[{match[2]}, {match[3]}, 3]" + line[match.end() :]
            yield Mutation("channels-last", family.with_line(number, new), number)
