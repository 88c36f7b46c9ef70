"""Mapping files: what is written is read again, and what does not hold is told with its place."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.weight_rules import WeightRules
from archc.matching.mapped import plan_mapped
from archc.matching.mapping_file import MappingFile, names_digest, read_mapping, write_mapping
from archc.matching.plan import Plan
from archc.stages.parse import parse
from tests.unit.matching.networks import (
    Sizes,
    bound_layers,
    called,
    file_of,
    graph_of,
    layers_of,
    plan_of,
)
from tests.unit.matching.test_match import CHAIN, FUNNEL, KERAS


def read(text: str) -> tuple[MappingFile | Failed, tuple[Diagnostic, ...]]:
    reporter = Reporter()
    tree = parse(Source("mapping.yaml", text), reporter)
    assert not isinstance(tree, Failed), reporter.diagnostics
    return read_mapping(tree, reporter), reporter.diagnostics


def mapping_of(text: str) -> MappingFile:
    mapping, diagnostics = read(text)
    assert not isinstance(mapping, Failed), diagnostics
    return mapping


def applied(
    spec: str, tensors: dict[str, Sizes], mapping: MappingFile
) -> tuple[Plan | Failed, tuple[Diagnostic, ...]]:
    reporter = Reporter()
    plan = plan_mapped(graph_of(spec), tensors, WeightRules(), mapping, reporter)
    return plan, reporter.diagnostics


def slugs(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    return [diagnostic.rule.slug for diagnostic in diagnostics]


FILE = file_of(graph_of(FUNNEL), called(layers_of(graph_of(FUNNEL)), ["a", "b", "c", "d"]))
TEXT = write_mapping(plan_of(graph_of(FUNNEL), FILE), "net")


def without(text: str, part: str) -> str:
    """The text but for the lines that hold a part."""
    assert part in text
    return "".join(line for line in text.splitlines(keepends=True) if part not in line)


@pytest.mark.parametrize("tensors", [FILE, KERAS])
def test_a_written_plan_binds_the_same_when_it_is_read(tensors: dict[str, Sizes]) -> None:
    plan = plan_of(graph_of(FUNNEL), tensors)
    again, diagnostics = applied(FUNNEL, tensors, mapping_of(write_mapping(plan, "net")))
    assert not isinstance(again, Failed), diagnostics
    assert again.is_complete
    assert again.layout == plan.layout
    assert [(m.weight, m.key) for m in again.matches] == [(m.weight, m.key) for m in plan.matches]
    assert {match.why for match in again.matches} == {"mapping"}


def test_what_is_open_stands_in_comments_with_its_choices() -> None:
    graph = graph_of(CHAIN)
    tensors = file_of(graph, called(layers_of(graph), ["dog", "bee", "cat"]))
    text = write_mapping(plan_of(graph, tensors), "net")
    assert yaml.safe_load(text)["map"] == {}
    assert "  # conv2.weight: bee.weight  # or dog.weight, cat.weight\n" in text
    chosen = text.replace("map: {}", "map:").replace("  # conv", "  conv")
    plan, _ = applied(CHAIN, tensors, mapping_of(chosen))
    assert isinstance(plan, Plan)
    assert plan.is_complete
    assert bound_layers(plan) == {"conv1": "dog", "conv2": "bee", "conv3": "cat"}


def test_what_a_mapping_does_not_name_is_not_bound_by_its_name() -> None:
    graph = graph_of(FUNNEL)
    tensors = file_of(graph)
    text = without(write_mapping(plan_of(graph, tensors), "net"), "head.")
    plan, _ = applied(FUNNEL, tensors, mapping_of(text))
    assert isinstance(plan, Plan)
    assert set(plan.missing) == set(plan.unexpected) == {"head.weight", "head.bias"}
    rules = plan.as_rules(WeightRules())
    assert rules.renamed("head.weight") not in graph.owned_weights()
    assert rules.renamed("stem.weight") == "stem.weight"


def test_listed_keys_are_passed_over() -> None:
    tensors = FILE | {"steps": Sizes(())}
    plan = plan_of(graph_of(FUNNEL), tensors)
    text = write_mapping(plan, "net")
    assert '  # - "steps"' in text
    chosen = text.replace("ignored: []", "ignored:").replace('  # - "steps"', '  - "steps"')
    again, _ = applied(FUNNEL, tensors, mapping_of(chosen))
    assert isinstance(again, Plan)
    assert again.is_complete
    assert again.ignored == ("steps",)
    rules = again.as_rules(WeightRules())
    assert rules.ignores(rules.renamed("steps"))


@given(st.lists(st.text(min_size=1), min_size=4, max_size=4, unique=True))
def test_keys_of_any_text_are_written_and_read(names: list[str]) -> None:
    graph = graph_of(FUNNEL)
    tensors = file_of(graph, called(layers_of(graph), names))
    if len(tensors) < len(graph.owned_weights()):
        return
    plan = plan_of(graph, tensors)
    text = write_mapping(plan, "net")
    assert all(line.isascii() and line.isprintable() for line in text.splitlines())
    mapping = mapping_of(text)
    assert [(p.weight, p.key) for p in mapping.pairs] == [(m.weight, m.key) for m in plan.matches]
    assert mapping.names == names_digest({key: s.shape for key, s in tensors.items()})


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (("version: 1", "version: 2"), "mapping/version"),
        (("version: 1\n", ""), "mapping/form"),
        (("map:", "maps:"), "mapping/form"),
        (("layout: torch", "layout: caffe"), "mapping/form"),
        (("ignored: []", "ignored: {a: b}"), "mapping/form"),
        (("ignored: []", "ignored: [[a]]"), "mapping/form"),
        (("stem.weight: a.weight", "stem.weight: [a.weight]"), "mapping/form"),
        (("stem.weight: a.weight", "stem.weight:"), "mapping/form"),
    ],
)
def test_what_is_no_mapping_is_told(change: tuple[str, str], slug: str) -> None:
    assert change[0] in TEXT
    mapping, diagnostics = read(TEXT.replace(*change))
    assert isinstance(mapping, Failed)
    assert set(slugs(diagnostics)) == {slug}


@pytest.mark.parametrize("text", ["[a]", "1", "{}"])
def test_another_document_is_no_mapping(text: str) -> None:
    mapping, diagnostics = read(text)
    assert isinstance(mapping, Failed)
    assert set(slugs(diagnostics)) == {"mapping/form"}


@pytest.mark.parametrize(
    ("change", "slug", "line"),
    [
        (('spec: "net"', "spec: other"), "mapping/other-spec", 2),
        (("stem.weight: a.weight", "stern.weight: a.weight"), "mapping/unknown-weight", 6),
        (("stem.weight: a.weight", "stem.weight: aa.weight"), "mapping/unknown-key", 6),
        (("stem.bias: a.bias", "stem.bias: b.bias"), "mapping/used-twice", 9),
    ],
)
def test_what_does_not_hold_is_told_where_it_stands(
    change: tuple[str, str], slug: str, line: int
) -> None:
    assert change[0] in TEXT
    plan, diagnostics = applied(FUNNEL, FILE, mapping_of(TEXT.replace(*change)))
    assert isinstance(plan, Failed)
    (diagnostic,) = diagnostics
    assert diagnostic.rule.slug == slug
    assert diagnostic.span.line == line


@pytest.mark.parametrize(
    "other",
    [
        FILE | {"more": Sizes((1,))},
        {key: sizes for key, sizes in FILE.items() if key != "d.bias"},
        FILE | {"d.bias": Sizes((11,))},
    ],
)
def test_a_mapping_is_pinned_to_the_keys_and_sizes_of_its_file(other: dict[str, Any]) -> None:
    plan, diagnostics = applied(FUNNEL, other, mapping_of(TEXT))
    assert isinstance(plan, Failed)
    assert slugs(diagnostics)[0] == "mapping/other-file"
    shuffled = dict(reversed(FILE.items()))
    assert isinstance(applied(FUNNEL, shuffled, mapping_of(TEXT))[0], Plan)


def test_without_a_digest_another_file_is_taken_and_sizes_are_still_compared() -> None:
    other = FILE | {"d.bias": Sizes((11,))}
    plan, _ = applied(FUNNEL, other, mapping_of(without(TEXT, "names:")))
    assert isinstance(plan, Plan)
    assert [match.weight for match in plan.misfits] == ["head.bias"]
    assert not plan.is_complete
