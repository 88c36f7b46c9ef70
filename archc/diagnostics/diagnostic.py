"""Rules and diagnostics: every mistake of a user is one of these values.

A rule is declared where it is raised, and its slug states the bad thing. A diagnostic is a rule
broken at a place. Rendering is apart, in `text` and `machine`.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import NamedTuple

from archc.diagnostics.place import Place, Span


class Rule(NamedTuple):
    """What can be wrong: a slug such as `conv/groups`, a line of summary, and why it matters."""

    slug: str
    summary: str
    why: str


class Severity(Enum):
    """How bad it is: an error stops the build, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Related(NamedTuple):
    """A further span that explains a diagnostic, with what it shows."""

    span: Span
    label: str


class Diagnostic(NamedTuple):
    """One mistake: the rule, the message, the place, and what helps.

    Attributes:
        rule: the rule that is broken.
        severity: error or warning.
        message: what is wrong, lower case, without a final stop, names in backticks.
        place: the shortest span that shows the problem.
        label: what stands at that span, beside the carets.
        related: further spans with labels.
        notes: why, or where from.
        helps: what to change, ready to paste where possible.
        cause: what several mistakes come from, such as a name that nothing declares; those of one
            cause are one diagnostic.
    """

    rule: Rule
    severity: Severity
    message: str
    place: Place
    label: str = ""
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    cause: Hashable = None

    @property
    def span(self) -> Span:
        """The primary span."""
        return self.place.span
