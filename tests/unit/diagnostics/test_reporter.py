from __future__ import annotations

from archc.diagnostics.diagnostic import Diagnostic, Related, Rule, Severity
from archc.diagnostics.errors import ArchcError, SpecError
from archc.diagnostics.place import Frame, Place, Source, Span
from archc.diagnostics.reporter import FAILED, Reporter
from tests.unit.diagnostics.found import GROUPS, UNUSED, span_of

ONE = Source("one.yaml", "a: 1\nb: 2\nc: 3\n")
TWO = Source("two.yaml", "a: 1\nb: 2\n")


def place(source: Source, text: str, *uses: str) -> Place:
    return Place(span_of(source, text), tuple(Frame(u, span_of(source, "a")) for u in uses))


def test_a_report_keeps_all_its_parts() -> None:
    reporter = Reporter()
    at = place(ONE, "b")
    related = Related(span_of(ONE, "a"), "here")
    token = reporter.error(
        GROUPS, "wrong", at, label="x", related=iter([related]), notes=["n"], helps=iter("h")
    )
    assert token is FAILED
    assert repr(token) == "FAILED"
    assert reporter.diagnostics == (
        Diagnostic(GROUPS, Severity.ERROR, "wrong", at, "x", (related,), ("n",), ("h",)),
    )
    assert reporter.diagnostics[0].span == at.span


def test_one_mistake_in_a_block_used_often_is_one_report() -> None:
    reporter = Reporter()
    for use in range(16):
        assert reporter.error(GROUPS, "wrong", place(ONE, "b", f"use {use}")) is FAILED
    (found,) = reporter.diagnostics
    assert found.place.trail[0].what == "use 0"


def test_another_rule_span_or_source_is_another_report() -> None:
    reporter = Reporter()
    other = Rule("conv/kernel", "", "")
    wider = Span(ONE, 2, 1, 2, 3)
    copy = Source("one.yaml", ONE.text)
    reporter.error(GROUPS, "1", place(ONE, "b"))
    reporter.error(other, "2", place(ONE, "b"))
    reporter.error(GROUPS, "3", Place(wider))
    reporter.error(GROUPS, "4", place(copy, "b"))
    reporter.error(GROUPS, "again", place(ONE, "b"))
    assert [d.message for d in reporter.diagnostics] == ["1", "2", "3", "4"]


def test_a_warning_never_hides_an_error() -> None:
    reporter = Reporter()
    reporter.warning(GROUPS, "perhaps", place(ONE, "b"))
    had_errors = reporter.has_errors
    reporter.error(GROUPS, "surely", place(ONE, "b"))
    assert (had_errors, reporter.has_errors) == (False, True)
    assert [d.message for d in reporter.diagnostics] == ["perhaps", "surely"]


def test_reports_stand_in_the_order_of_the_text_file_by_file() -> None:
    reporter = Reporter()
    reporter.error(GROUPS, "two b", place(TWO, "b"))
    reporter.error(GROUPS, "one c", place(ONE, "c"))
    reporter.warning(UNUSED, "one 1", place(ONE, "1"))
    reporter.error(GROUPS, "two a", place(TWO, "a"))
    reporter.error(GROUPS, "one a", place(ONE, "a"))
    assert [d.message for d in reporter.diagnostics] == [
        "two a",
        "two b",
        "one a",
        "one 1",
        "one c",
    ]


def test_reports_made_elsewhere_are_taken_over_once() -> None:
    first, second = Reporter(), Reporter()
    first.error(GROUPS, "wrong", place(ONE, "b"))
    second.error(GROUPS, "the same", place(ONE, "b"))
    second.warning(UNUSED, "unused", place(ONE, "c"))
    first.add(second.diagnostics)
    assert [d.message for d in first.diagnostics] == ["wrong", "unused"]


def test_the_exception_names_the_first_mistake() -> None:
    reporter = Reporter()
    reporter.error(GROUPS, "wrong", place(ONE, "b"))
    error = SpecError(reporter.diagnostics)
    assert isinstance(error, ArchcError)
    assert str(error) == "one.yaml:2:1: wrong"
    assert error.diagnostics == reporter.diagnostics


def test_part_of_a_span_is_a_span() -> None:
    span = Span(ONE, 2, 1, 2, 5)
    assert span.slice(3, 4) == Span(ONE, 2, 4, 2, 5)
    assert span.slice(3, 9) == span
    assert Span(ONE, 1, 1, 3, 1).slice(0, 1) == Span(ONE, 1, 1, 3, 1)
    assert (span.file, str(span)) == ("one.yaml", "one.yaml:2:1")
