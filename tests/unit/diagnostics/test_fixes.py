from __future__ import annotations

import pytest

from archc.diagnostics.fixes import fix_of
from archc.diagnostics.place import Source, Span
from tests.unit.diagnostics.found import error_at, span_of

NET = Source("net.yaml", "a: {covn: 8, kernal: 3}\nb: $(widht + widht2)\n")
MEANT = ("did you mean `conv`?",)


def applied(found: str, message: str, *helps: str) -> str | None:
    """The first line, or that of the place, after the fix."""
    fix = fix_of(error_at(span_of(NET, found), message)._replace(helps=helps))
    if fix is None:
        return None
    line = NET.line(fix.span.line)
    return line[: fix.span.column - 1] + fix.text + line[fix.span.end_column - 1 :]


def test_the_misspelt_word_is_replaced() -> None:
    assert applied("covn", "there is no op `covn`", *MEANT) == "a: {conv: 8, kernal: 3}"


def test_only_the_word_is_replaced_within_a_larger_span() -> None:
    changed = applied("$(widht + widht2)", "there is no `widht`", "did you mean `width`?")
    assert changed == "b: $(width + widht2)"


@pytest.mark.parametrize(
    ("found", "message", "helps"),
    [
        ("covn", "there is no op `covn`", ()),
        ("covn", "there is no op `covn`", ("write another",)),
        ("covn", "there is no op `covn`", ("did you mean `conv` or `con`?",)),
        ("covn", "there is no op `covn`", (*MEANT, "did you mean `con`?")),
        ("covn", "there is no op `cov`", MEANT),  # part of a word
        ("covn", "there is no such op", MEANT),
        ("a: {covn: 8, kernal: 3}", "`3` is no `3`: there are `2`", ("did you mean `3`?",)),
    ],
)
def test_what_is_no_exact_replacement_is_no_fix(
    found: str, message: str, helps: tuple[str, ...]
) -> None:
    assert applied(found, message, *helps) is None


def test_a_span_of_several_lines_or_without_text_has_no_fix() -> None:
    several = error_at(Span(NET, 1, 1, 2, 3), "no `covn`")._replace(helps=MEANT)
    nowhere = error_at(Span(Source("x", ""), 1, 1, 1, 1), "no `x`")._replace(helps=MEANT)
    assert fix_of(several) is None
    assert fix_of(nowhere) is None
