"""Explanations as Markdown: the reference of all rules in `docs/rules.md`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from archc.diagnostics.diagnostic import Rule
from archc.explanations.as_text import message, sentence
from archc.explanations.declared import subject_of
from archc.explanations.explanation import Explanation, explain
from archc.explanations.page import Fence, Part

_PREFACE = """\
# The rules

What archc can find wrong, one rule a section. On the command line `archc explain RULE` shows a
rule, `archc explain SUBJECT` lists the rules of a subject, and `archc explain` lists all.

This page is made by `archc explain --format markdown`.
"""


def render_reference(rules: Iterable[Rule]) -> str:
    """The page of all rules, by their subjects."""
    groups = [(s, list(found)) for s, found in groupby(rules, lambda r: subject_of(r.slug))]
    contents = "".join(f"- [{subject}](#{subject})\n" for subject, _ in groups)
    sections = (
        f"## {subject}\n\n" + "\n".join(render_section(explain(rule)) for rule in found)
        for subject, found in groups
    )
    return "\n".join((_PREFACE, contents, *sections))


def render_section(explanation: Explanation) -> str:
    """The section of a rule."""
    rule, page, found = explanation
    parts: list[Part] = [f"**{sentence(rule.summary)}** {sentence(rule.why)}", *page.more]
    if page.wrong:
        parts += ["Wrong:", *page.wrong]
    if found:
        parts.append(Fence("text", f"{message(explanation)}\n"))
    if page.corrected:
        parts += ["Corrected:", *page.corrected]
    return f"### {rule.slug}\n\n" + "\n".join(f"{_shown(part)}\n" for part in parts)


def _shown(part: Part) -> str:
    return f"```{part.form}\n{part.text}```" if isinstance(part, Fence) else part
