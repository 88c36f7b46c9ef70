"""The reporter collects diagnostics; only it makes the token that says "this failed"."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import final

from typing_extensions import override

from archc.diagnostics.diagnostic import Diagnostic, Related, Rule, Severity
from archc.diagnostics.place import Place


@final
class Failed:
    """Stands in the place of a part that failed and was reported.

    There is one, `FAILED`, and what depends on it is passed over in silence.
    """

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "FAILED"


FAILED = Failed()

SHOWN_PLACES = 8
"""Further places of one cause; more would hide the other mistakes."""


@final
class Reporter:
    """Collects the diagnostics of a run, one a cause.

    The same rule at the same span is reported once, however often a block is used.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], Diagnostic] = {}
        self._causes: dict[Hashable, tuple[object, ...]] = {}
        self.reports = 0
        """How often something was reported, those included that were reported before."""

    def error(
        self,
        rule: Rule,
        message: str,
        place: Place,
        *,
        label: str = "",
        related: Iterable[Related] = (),
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
        cause: Hashable = None,
    ) -> Failed:
        """Reports an error and gives the token to put in the place of what failed.

        Errors with the same `cause` are one: the later ones become further places of the first.
        """
        parts = (tuple(related), tuple(notes), tuple(helps), cause)
        self._add(Diagnostic(rule, Severity.ERROR, message, place, label, *parts))
        return FAILED

    def warning(
        self,
        rule: Rule,
        message: str,
        place: Place,
        *,
        label: str = "",
        related: Iterable[Related] = (),
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> None:
        """Reports a warning."""
        parts = (tuple(related), tuple(notes), tuple(helps))
        self._add(Diagnostic(rule, Severity.WARNING, message, place, label, *parts))

    def _add(self, found: Diagnostic) -> None:
        self.reports += 1
        s = found.span
        where = (id(s.source), s.line, s.column, s.end_line, s.end_column)
        key = (found.rule.slug, found.severity, *where)
        if found.cause is None or key in self._found:
            self._found.setdefault(key, found)
            return
        first = self._causes.setdefault(found.cause, key)
        if first == key:
            self._found[key] = found
        else:
            self._found[first] = _with_place(self._found[first], found)

    def add(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Takes over diagnostics that were reported elsewhere."""
        for found in diagnostics:
            self._add(found)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was found, file by file as first met, in the order of the text."""
        files: dict[int, int] = {}
        for found in self._found.values():
            files.setdefault(id(found.span.source), len(files))
        return tuple(
            sorted(
                self._found.values(),
                key=lambda d: (files[id(d.span.source)], d.span.line, d.span.column),
            )
        )

    @property
    def has_errors(self) -> bool:
        """Whether an error was reported."""
        return any(d.severity is Severity.ERROR for d in self._found.values())


def _with_place(first: Diagnostic, further: Diagnostic) -> Diagnostic:
    """A diagnostic with the place of another of the same cause."""
    known = {first.span, *(related.span for related in first.related)}
    if further.span in known or len(first.related) >= SHOWN_PLACES:
        return first
    label = "and here" if further.rule == first.rule else further.message
    return first._replace(related=(*first.related, Related(further.span, label)))
