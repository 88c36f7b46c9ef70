"""Mutations of lines and characters: the text is no YAML, or a layer or a name is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archc.language.spec import MODIFIERS
from archc.language.tree import Scalar
from tests.mutations.families import Family
from tests.mutations.kinds import (
    REFERENCE,
    Mutation,
    expressions,
    in_expression,
    kind,
    misspelt,
    named_entries,
    parameters,
    used_names,
    value_sites,
)


def _layer_lines(family: Family) -> list[int]:
    """The lines that hold one layer under a name, and nothing else."""
    form = re.compile(r"\s+[A-Za-z_][\w]*: *(\{[^{}]*\}|\[\{[^{}]*\}\]|[a-z_0-9$]+)\s*(#.*)?$")
    names = {s.span.line for s in family.sites if s.kind == "name" and s.text not in MODIFIERS}
    return [n for n in sorted(names) if form.match(family.lines[n - 1]) and family.is_live(n)]


@kind
def removed_layer(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        yield Mutation("removed-layer", family.without(line), line)


@kind
def renamed_output_layer(family: Family) -> Iterator[Mutation]:
    outputs = family.part("outputs")
    named = {e.value.text: e for e in named_entries(family, outputs) if isinstance(e.value, Scalar)}
    for site in family.sites:
        if site.kind == "name" and site.text in named and site.span.column == 3:
            new = family.replaced(site.span, misspelt(site.text))
            at = named[site.text].value.span.line
            yield Mutation("renamed-output-layer", new, at)


@kind
def duplicate_key(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        new = "\n".join([*family.lines[:line], family.lines[line - 1], *family.lines[line:]])
        yield Mutation("duplicate-key", new, line + 1)


@kind
def tab(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1]
        yield Mutation("tab", family.with_line(line, "\t" + text.lstrip()), line)


@kind
def indented_deeper(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        yield Mutation(
            "indented-deeper", family.with_line(line, " " + family.lines[line - 1]), line
        )


@kind
def indented_less(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        yield Mutation("indented-less", family.with_line(line, family.lines[line - 1][1:]), line)


@kind
def colon_lost(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1].replace(": ", " ", 1)
        yield Mutation("colon-lost", family.with_line(line, text), line)


@kind
def comma_lost(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1]
        if re.search(r"\{[^{}]*, [a-z_]+: ", text):
            yield Mutation("comma-lost", family.with_line(line, text.replace(", ", " ", 1)), line)


@kind
def bracket_lost(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1]
        if "}" in text:
            yield Mutation("bracket-lost", family.with_line(line, text.replace("}", "", 1)), line)


@kind
def bracket_too_many(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1]
        if "}" in text and "#" not in text:
            yield Mutation("bracket-too-many", family.with_line(line, text + "}"), line)


@kind
def bracket_of_another_kind(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1]
        if "}" in text:
            new = text.replace("}", "]", 1)
            yield Mutation("bracket-of-another-kind", family.with_line(line, new), line)


@kind
def expression_not_closed(family: Family) -> Iterator[Mutation]:
    for scalar in expressions(family):
        if not scalar.is_quoted and scalar.text.endswith(")"):
            new = family.replaced(scalar.span, scalar.text[:-1])
            yield Mutation("expression-not-closed", new, scalar.span.line)


@kind
def expression_cut_off(family: Family) -> Iterator[Mutation]:
    for scalar in expressions(family):
        match = re.match(r"\$\(.*[-+*/] ?(\w+)\)\Z", scalar.text)
        if match and not scalar.is_quoted:
            new = family.replaced(scalar.span, scalar.text[: match.start(1)] + ")")
            yield Mutation("expression-cut-off", new, scalar.span.line)


@kind
def braces_for_parentheses(family: Family) -> Iterator[Mutation]:
    for scalar in expressions(family):
        if not scalar.is_quoted and scalar.text.startswith("$("):
            new = family.replaced(scalar.span, "${" + scalar.text[2:-1] + "}")
            yield Mutation("braces-for-parentheses", new, scalar.span.line)


@kind
def quotes_lost(family: Family) -> Iterator[Mutation]:
    for scalar in expressions(family):
        if "," in scalar.text or "[" in scalar.text:
            line = family.lines[scalar.span.line - 1]
            if "{" in line[: scalar.span.column] and scalar.is_quoted:
                yield Mutation(
                    "quotes-lost", family.replaced(scalar.span, scalar.text), scalar.span.line
                )


@kind
def unquoted_comma(family: Family) -> Iterator[Mutation]:
    for site in value_sites(family):
        match = REFERENCE.match(site.text)
        line = family.lines[site.span.line - 1]
        if match and "{" in line[: site.span.column] and site.kind == "principal":
            new = family.replaced(site.span, f"$(max({in_expression(site.text)}, 1))")
            yield Mutation("unquoted-comma", new, site.span.line)


@kind
def quote_not_closed(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1]
        new = re.sub(r": ", ": '", text, count=1)
        yield Mutation("quote-not-closed", family.with_line(line, new), line)


@kind
def dollar_lost(family: Family) -> Iterator[Mutation]:
    for site in value_sites(family):
        match = REFERENCE.match(site.text)
        if match and site.of in ("conv", "dense", "kernel", "stride", "groups", "repeat"):
            new = family.replaced(site.span, site.text[1:])
            yield Mutation("dollar-lost", new, site.span.line, site.text)


@kind
def removed_parameter(family: Family) -> Iterator[Mutation]:
    declared = list(named_entries(family, family.part("params")))
    for entry in declared if len(declared) > 1 else []:
        line = entry.key.span.line
        is_whole = entry.value.span.end_line == line
        if is_whole and entry.key.text in used_names(family):
            yield Mutation("removed-parameter", family.without(line), line, entry.key.text)


@kind
def removed_block_parameter(family: Family) -> Iterator[Mutation]:
    used = {entry.key.span.line for entry in parameters(family)}
    for number, line in enumerate(family.lines, 1):
        match = re.match(r"\s+params: \{\w+: [^,{}]+(, (\w+): [^,{}]+)", line)
        if match and number in used:
            new = line[: match.start(1)] + line[match.end(1) :]
            text = family.with_line(number, new)
            yield Mutation("removed-block-parameter", text, number, match[2])


@kind
def removed_import(family: Family) -> Iterator[Mutation]:
    entry = family.tree.get("imports")
    if entry is not None:
        line = entry.key.span.line
        yield Mutation("removed-import", family.without(line), line)


@kind
def removed_top_level_key(family: Family) -> Iterator[Mutation]:
    first, second = family.tree.entries[:2]
    for key in ("archc", "name", "input"):
        entry = family.tree.get(key)
        if entry is not None and entry.value.span.end_line == entry.key.span.line:
            line = (second if entry is first else first).key.span.line - (entry is first)
            yield Mutation("removed-top-level-key", family.without(entry.key.span.line), line)
