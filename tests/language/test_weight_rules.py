"""The `weights` section: names of a checkpoint to names of the spec."""

from __future__ import annotations

import pytest

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.tree import Mapping
from archc.language.weight_rules import WeightRules, read_weight_rules
from archc.stages.parse import parse


def rules(text: str) -> tuple[WeightRules | Failed, list[str]]:
    reporter = Reporter()
    tree = parse(Source("w", text), reporter)
    assert isinstance(tree, Mapping)
    return read_weight_rules(tree, reporter), [d.rule.slug for d in reporter.diagnostics]


def renamed(text: str, *keys: str) -> list[str]:
    found, mistakes = rules(text)
    assert isinstance(found, WeightRules)
    assert mistakes == []
    return [found.renamed(key) for key in keys]


def test_prefix_is_taken_off_the_keys_that_have_it() -> None:
    assert renamed("{prefix: net.}", "net.a", "a", "net.net.b") == ["a", "a", "net.b"]


def test_renames_replace_every_match_in_order() -> None:
    text = r"{rename: {'\.layer_scale$': .layer_scale.weight, 'norm\.(\d)': 'norm\1', n: m}}"

    assert renamed(text, "x.layer_scale", "norm.1.norm.2") == [
        "x.layer_scale.weight", "morm1.morm2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "key", "expected"),
    [
        (r"'(a)(b)?': '<\1\2>'", "ac", "<a>c"),
        (r"'^module\.': ''", "module.a", "a"),
        (r"'(\d)': '\10'", "a1", "a10"),
        (r"'a': '\\'", "a", "\\"),
        (r"'(.)(.)': '\2\1'", "abcd", "badc"),
        (r"3: 4", "a3", "a4"),
    ],
)
def test_replacement_names_groups_by_number(rule: str, key: str, expected: str) -> None:
    assert renamed(f"{{rename: {{{rule}}}}}", key) == [expected]


def test_ignore_must_match_the_whole_renamed_key() -> None:
    found, _ = rules(r"{prefix: net., rename: {head: aux1}, ignore: ['aux\d\..*']}")
    assert isinstance(found, WeightRules)

    names = [found.renamed(key) for key in ("net.head.w", "aux2.w", "aux3", "my.aux1.w")]
    assert [found.ignores(name) for name in names] == [True, True, False, False]


def test_batch_counts_are_always_ignored() -> None:
    assert WeightRules().ignores("bn1.num_batches_tracked")
    assert not WeightRules().ignores("bn1.num_batches_tracked.x")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{rename: {'a(?=b)': x}}", "weights/pattern"),
        (r"{rename: {'(a)\1': x}}", "weights/pattern"),
        ("{rename: {'a(': x}}", "weights/pattern"),
        (r"{rename: {'a': '\1'}}", "weights/pattern"),
        (r"{rename: {'(a)': '\2'}}", "weights/pattern"),
        (r"{rename: {'a': '\x'}}", "weights/pattern"),
        (r"{rename: {'a': 'x\'}}", "weights/pattern"),
        ("{rename: {a: }}", "weights/rules"),
        ("{rename: {a: [b]}}", "weights/rules"),
        ("{rename: [a]}", "weights/rules"),
        ("{ignore: ['*']}", "weights/pattern"),
        ("{ignore: [[a]]}", "weights/rules"),
        ("{ignore: }", "weights/rules"),
        ("{layout: tf}", "weights/rules"),
        ("{layuot: torch}", "weights/rules"),
        ("{prefix: 3}", "weights/rules"),
        (f"{{ignore: ['{'a' * 2_000}']}}", "weights/pattern"),
    ],
    ids=lambda text: text[:30],
)
def test_mistake_is_reported(text: str, rule: str) -> None:
    found, mistakes = rules(text)

    assert isinstance(found, Failed)
    assert mistakes == [rule]


def test_names_do_not_grow_without_end() -> None:
    doublings = ", ".join(rf"'(?:{'a' * i}|)(.+)': '\1\1'" for i in range(60))

    assert len(renamed(f"{{rename: {{{doublings}}}}}", "a")[0]) < 100_000


def test_hostile_pattern_matches_in_linear_time() -> None:
    assert renamed("{rename: {'(a|a)*(a|a)*b$': x}}", "a" * 2_000) == ["a" * 2_000]
