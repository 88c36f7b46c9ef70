"""An explanation: a rule, its page, and what archc says of the wrong example."""

from __future__ import annotations

from typing import NamedTuple

from archc.diagnostics.diagnostic import Diagnostic, Rule
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.explanations.page import Page, read_page
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import read_spec

FILE_NAME = "net.yaml"
"""What the spec of an example is called in its message."""


class Explanation(NamedTuple):
    """What there is to say of a rule; `found` is said of the wrong example where it is a spec."""

    rule: Rule
    page: Page
    found: tuple[Diagnostic, ...]


def explain(rule: Rule) -> Explanation:
    """The explanation of a rule."""
    page = read_page(rule.slug)
    found = diagnose(page.specs[0]) if page.specs else ()
    is_shown = [d.rule.slug for d in found] == [rule.slug]
    return Explanation(rule, page, found if is_shown else ())


def diagnose(text: str) -> tuple[Diagnostic, ...]:
    """What archc says of the text of a spec."""
    reporter = Reporter()
    spec = read_spec(Source(FILE_NAME, text), reporter)
    if not isinstance(spec, Failed):
        validate_spec(spec, Choices(), reporter)
    return reporter.diagnostics
