"""The ways to break a spec; each kind gives its mutations with the line that is then wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from archc.language.functions import FUNCTIONS
from archc.language.spec import MODIFIERS
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree
from archc.layers.catalog import OPS
from tests.mutations.families import Family, scalars
from tests.mutations.sites import MERGES, Site, is_op

_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)(?:\.\w+)*\Z")
_IN_EXPRESSION = re.compile(r"\$\(.*?([A-Za-z_]\w*)")
_CALL = re.compile(r"\b([a-z]+)\(")


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


def _misspelt(family: Family, sites: Iterable[Site], why: str) -> Iterator[Mutation]:
    for site in sites:
        text = family.replaced(site.span, misspelt(site.text))
        yield Mutation(why, text, site.span.line, site.text)


def _named(family: Family, tree: Tree | None) -> Iterator[Entry]:
    if isinstance(tree, Mapping):
        yield from (e for e in tree if e.key.span.line == e.key.span.end_line)


# Names that nothing bears.


@kind
def op(family: Family) -> Iterator[Mutation]:
    return _misspelt(family, (s for s in family.sites if is_op(s) and len(s.text) > 3), "op")


@kind
def merge(family: Family) -> Iterator[Mutation]:
    found = (s for s in family.sites if s.kind == "op" and s.text in MERGES)
    return _misspelt(family, found, "merge")


@kind
def block(family: Family) -> Iterator[Mutation]:
    names = family.file.block_names
    found = (s for s in family.sites if s.kind == "op" and s.text in names)
    return _misspelt(family, found, "block")


@kind
def argument(family: Family) -> Iterator[Mutation]:
    found = (s for s in family.sites if s.kind == "argument" and len(s.text) > 2)
    return _misspelt(family, found, "argument")


@kind
def modifier(family: Family) -> Iterator[Mutation]:
    found = (s for s in family.sites if s.kind == "modifier" and s.text in MODIFIERS)
    return _misspelt(family, found, "modifier")


@kind
def parameter(family: Family) -> Iterator[Mutation]:
    for site in _values(family):
        match = _REFERENCE.match(site.text)
        if match and len(match[1]) > 2 and match[1] != "input":
            text = site.text.replace(match[1], misspelt(match[1]), 1)
            new = family.replaced(site.span, _as_written(site.scalar, text))
            yield Mutation("parameter", new, site.span.line, match[1])


@kind
def name_in_expression(family: Family) -> Iterator[Mutation]:
    for site in _values(family):
        match = _IN_EXPRESSION.match(site.text)
        if match and match[1] not in FUNCTIONS and match[1] != "not" and len(match[1]) > 3:
            text = re.sub(rf"\b{match[1]}\b", misspelt(match[1]), site.text, count=1)
            new = family.replaced(site.span, _as_written(site.scalar, text))
            yield Mutation("name-in-expression", new, site.span.line, match[1])


@kind
def function(family: Family) -> Iterator[Mutation]:
    for scalar in _expressions(family):
        for match in _CALL.finditer(scalar.text):
            if match[1] in FUNCTIONS and len(match[1]) > 3:
                text = scalar.text.replace(match[1] + "(", misspelt(match[1]) + "(", 1)
                new = family.replaced(scalar.span, _as_written(scalar, text))
                yield Mutation("function", new, scalar.span.line, match[1])


@kind
def path(family: Family) -> Iterator[Mutation]:
    for site in family.sites:
        if site.of in ("from", "weights") and site.kind == "value" and "$" not in site.text:
            yield from _misspelt(family, [site], "path")


@kind
def output_path(family: Family) -> Iterator[Mutation]:
    for entry in _named(family, family.part("outputs")):
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
    for entry in _variant(family):
        if entry.key.text != "expect":
            new = family.replaced(entry.key.span, misspelt(entry.key.text))
            yield Mutation("variant-parameter", new, entry.key.span.line, entry.key.text)


@kind
def expected_fact(family: Family) -> Iterator[Mutation]:
    for entry in _expect(family):
        new = family.replaced(entry.key.span, misspelt(entry.key.text))
        yield Mutation("expected-fact", new, entry.key.span.line, entry.key.text)


@kind
def preprocess_key(family: Family) -> Iterator[Mutation]:
    for entry in _named(family, family.part("preprocess")):
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
    for entry in _parameters(family):
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
    for entry in _parameters(family):
        for part in _named(family, entry.value):
            new = family.replaced(part.key.span, misspelt(part.key.text))
            yield Mutation("declaration-key", new, part.key.span.line, part.key.text)


# Values that do not fit.


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
            elif _REFERENCE.match(site.text):
                text = f"$({_short(site.text)} + 1)"
            else:
                continue
            new = family.replaced(site.span, text)
            yield Mutation("width-in-a-branch", new, site.span.line)


def _short(reference: str) -> str:
    name, *rest = reference[1:].split(".")
    return name + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in rest)


@kind
def stride_in_a_branch(family: Family) -> Iterator[Mutation]:
    for site in family.sites:
        if site.is_branch and site.of == "stride" and site.kind == "value":
            new = family.replaced(site.span, "3" if site.text == "2" else "2")
            yield Mutation("stride-in-a-branch", new, site.span.line)


@kind
def padding_lost(family: Family) -> Iterator[Mutation]:
    for site in _numbers(family, "padding"):
        if site.is_branch:
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
            text = f"{_as_written(site.scalar, site.text)}, groups: 7"
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
    for entry in _expect(family):
        if isinstance(entry.value, Scalar) and isinstance(entry.value.value, int):
            new = family.replaced(entry.value.span, str(entry.value.value + 1))
            yield Mutation("expected-number", new, entry.value.span.line)


@kind
def choice(family: Family) -> Iterator[Mutation]:
    for entry in _variant(family):
        declared = family.file.params.get(entry.key.text)
        if declared is not None and declared.choices is not None:
            new = family.replaced(entry.value.span, "relu")
            yield Mutation("choice", new, entry.value.span.line)


@kind
def variant_value_of_a_wrong_type(family: Family) -> Iterator[Mutation]:
    for entry in _variant(family):
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


# Lines and characters.


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
    named = {e.value.text: e for e in _named(family, outputs) if isinstance(e.value, Scalar)}
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
    for scalar in _expressions(family):
        if not scalar.is_quoted and scalar.text.endswith(")"):
            new = family.replaced(scalar.span, scalar.text[:-1])
            yield Mutation("expression-not-closed", new, scalar.span.line)


@kind
def expression_cut_off(family: Family) -> Iterator[Mutation]:
    for scalar in _expressions(family):
        match = re.match(r"\$\(.*[-+*/] ?(\w+)\)\Z", scalar.text)
        if match and not scalar.is_quoted:
            new = family.replaced(scalar.span, scalar.text[: match.start(1)] + ")")
            yield Mutation("expression-cut-off", new, scalar.span.line)


@kind
def braces_for_parentheses(family: Family) -> Iterator[Mutation]:
    for scalar in _expressions(family):
        if not scalar.is_quoted and scalar.text.startswith("$("):
            new = family.replaced(scalar.span, "${" + scalar.text[2:-1] + "}")
            yield Mutation("braces-for-parentheses", new, scalar.span.line)


@kind
def quotes_lost(family: Family) -> Iterator[Mutation]:
    for scalar in _expressions(family):
        if "," in scalar.text or "[" in scalar.text:
            line = family.lines[scalar.span.line - 1]
            if "{" in line[: scalar.span.column] and scalar.is_quoted:
                yield Mutation(
                    "quotes-lost", family.replaced(scalar.span, scalar.text), scalar.span.line
                )


@kind
def unquoted_comma(family: Family) -> Iterator[Mutation]:
    for site in _values(family):
        match = _REFERENCE.match(site.text)
        line = family.lines[site.span.line - 1]
        if match and "{" in line[: site.span.column] and site.kind == "principal":
            new = family.replaced(site.span, f"$(max({_short(site.text)}, 1))")
            yield Mutation("unquoted-comma", new, site.span.line)


@kind
def quote_not_closed(family: Family) -> Iterator[Mutation]:
    for line in _layer_lines(family):
        text = family.lines[line - 1]
        new = re.sub(r": ", ": '", text, count=1)
        yield Mutation("quote-not-closed", family.with_line(line, new), line)


@kind
def dollar_lost(family: Family) -> Iterator[Mutation]:
    for site in _values(family):
        match = _REFERENCE.match(site.text)
        if match and site.of in ("conv", "dense", "kernel", "stride", "groups", "repeat"):
            new = family.replaced(site.span, site.text[1:])
            yield Mutation("dollar-lost", new, site.span.line, site.text)


@kind
def removed_parameter(family: Family) -> Iterator[Mutation]:
    declared = list(_named(family, family.part("params")))
    for entry in declared if len(declared) > 1 else []:
        line = entry.key.span.line
        is_whole = entry.value.span.end_line == line
        if is_whole and entry.key.text in _used(family):
            yield Mutation("removed-parameter", family.without(line), line, entry.key.text)


@kind
def removed_block_parameter(family: Family) -> Iterator[Mutation]:
    used = {entry.key.span.line for entry in _parameters(family)}
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


# Where to look.


def _values(family: Family) -> Iterator[Site]:
    return (s for s in family.sites if s.kind in ("value", "principal"))


def _as_written(scalar: Scalar, text: str) -> str:
    if not scalar.is_quoted:
        return text
    quote = '"' if "'" in text else "'"
    return f"{quote}{text}{quote}"


def _expressions(family: Family) -> Iterator[Scalar]:
    """The scalars that hold an expression which is evaluated for the variant."""
    for key in ("let",):
        part = family.part(key)
        if part is not None:
            yield from (s for s in scalars(part) if "$(" in s.text and _is_one_line(s))
    yield from (s.scalar for s in _values(family) if "$(" in s.text)


def _is_one_line(scalar: Scalar) -> bool:
    return scalar.span.line == scalar.span.end_line


def _variant(family: Family) -> Iterator[Entry]:
    """The entries of the family's variant."""
    variants = family.part("variants")
    if isinstance(variants, Mapping) and family.variant is not None:
        entry = variants.get(family.variant)
        if entry is not None:
            yield from _named(family, entry.value)


def _expect(family: Family) -> Iterator[Entry]:
    """What the variant, or the spec without variants, expects."""
    if family.variant is None:
        yield from _named(family, family.part("expect"))
    for entry in _variant(family):
        if entry.key.text == "expect":
            yield from _named(family, entry.value)


def _parameters(family: Family) -> Iterator[Entry]:
    """The declared parameters of the spec and of the blocks in use."""
    yield from _named(family, family.part("params"))
    for body in _named(family, family.part("blocks")):
        declared = body.value.get("params") if isinstance(body.value, Mapping) else None
        if declared is not None and any(
            family.is_live(n) for n in range(body.key.span.line, body.value.span.end_line + 1)
        ):
            yield from _named(family, declared.value)


def _used(family: Family) -> set[str]:
    """The names that an expression of the layers uses."""
    texts = " ".join(s.text for s in _values(family) if "$" in s.text)
    return set(re.findall(r"[A-Za-z_]\w*", texts))


__all__ = ["KINDS", "OPS", "Mutation", "Sequence"]
