"""Every rule is declared well, where it is reported, and once."""

from __future__ import annotations

import re

from archc.diagnostics.diagnostic import Rule
from archc.explanations.declared import all_rules, find_rule, slugs
from tests.architecture.sources import modules

SLUG = re.compile(r"[a-z][a-z0-9_]*/[a-z0-9]+(-[a-z0-9]+)*")
PLACES = {
    f"{name}.{attribute}": value
    for name, module in modules().items()
    for attribute, value in vars(module).items()
    if isinstance(value, Rule)
}
RULES = {rule.slug: rule for rule in PLACES.values()}


def test_there_are_rules() -> None:
    assert len(RULES) > 50


def test_no_two_rules_share_a_slug() -> None:
    places: dict[str, dict[int, str]] = {}
    for place, rule in PLACES.items():
        places.setdefault(rule.slug, {}).setdefault(id(rule), place)
    assert {slug: list(p.values()) for slug, p in places.items() if len(p) > 1} == {}


def test_every_rule_is_a_constant() -> None:
    assert [p for p in PLACES if not p.rpartition(".")[2].lstrip("_").isupper()] == []


def test_every_slug_names_its_subject_and_the_bad_thing() -> None:
    assert [slug for slug in RULES if not SLUG.fullmatch(slug)] == []


def test_every_summary_is_one_line_without_a_final_stop() -> None:
    assert {s: r.summary for s, r in RULES.items() if not is_message(r.summary)} == {}


def test_every_rule_says_why() -> None:
    assert [slug for slug, rule in RULES.items() if not rule.why.strip()] == []


def test_rules_that_are_explained_are_those_declared() -> None:
    assert {rule.slug: rule for rule in all_rules()} == RULES
    assert [*slugs()] == sorted(RULES)
    assert find_rule("no-such/rule") is None


def is_message(text: str) -> bool:
    """Whether a text is a line in lower case; a first word in capitals is a name, as ONNX is."""
    first, is_line = text.split(" ", maxsplit=1)[0], text == text.strip() and text.isprintable()
    return bool(text) and is_line and text[-1] != "." and not first.istitle()
