"""How an explanation is shown."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.explanations.as_markdown import render_reference, render_section
from archc.explanations.as_text import render_explanation, sentence
from archc.explanations.declared import all_rules, find_rule
from archc.explanations.explanation import Explanation, explain
from archc.explanations.page import Fence, Page

LONG = "a sentence that goes on and on " * 8
PAGE = Page((LONG.strip(),), (Fence("console", "$ archc x\n\n$ archc y\n"),), ("Do not.",))
MADE = Explanation(Rule("made/up", "nothing is wrong", "it only shows the form"), PAGE, ())


def test_text_has_its_parts_in_order_and_examples_indented() -> None:
    parts = render_explanation(MADE, width=60).split("\n\n")

    more = parts.pop(2)
    assert " ".join(more.split("\n")) == LONG.strip()
    assert all(len(line) <= 60 for line in more.split("\n"))
    assert parts == [
        "made/up: nothing is wrong", "It only shows the form.",
        "wrong:", "    $ archc x", "    $ archc y", "corrected:", "Do not.",
    ]  # fmt: skip


def test_colour_changes_nothing_but_the_codes() -> None:
    explanation = explain(_rule("conv/groups"))
    coloured = render_explanation(explanation, color=True)

    assert "\x1b[1;31merror[conv/groups]\x1b[0m" in coloured
    plain = coloured
    for code in ("1;31", "1;34", "1;36", "1", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render_explanation(explanation)


def test_clause_becomes_a_sentence_unless_a_name_begins_it() -> None:
    assert sentence("a size is none") == "A size is none."
    assert sentence("`min` is above `max`") == "`min` is above `max`."
    assert sentence("YAML 1.2 has none") == "YAML 1.2 has none."
    assert sentence("Why not?") == "Why not?"


def test_markdown_keeps_fences_and_shows_the_message() -> None:
    section = render_section(explain(_rule("conv/groups")))

    assert section.startswith("### conv/groups\n\n**The groups of a convolution")
    assert section.count("```yaml\n") == 2
    assert "```text\nerror[conv/groups]: " in section


def test_reference_has_a_section_for_each_rule_under_its_subject() -> None:
    rules = [r for r in all_rules() if r.slug.startswith(("clip/", "conv/"))]
    headings = [line for line in render_reference(rules).splitlines() if line.startswith("##")]

    assert headings == [
        "## clip", "### clip/empty-range", "### clip/no-bound",
        "## conv", "### conv/groups", "### conv/incomplete", "### conv/values",
    ]  # fmt: skip


def _rule(slug: str) -> Rule:
    rule = find_rule(slug)
    assert rule is not None
    return rule
