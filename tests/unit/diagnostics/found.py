"""Diagnostics for the tests, at places found by the text that stands there."""

from __future__ import annotations

from hypothesis import strategies as st

from archc.diagnostics.diagnostic import Diagnostic, Related, Rule, Severity
from archc.diagnostics.place import Frame, Place, Source, Span

GROUPS = Rule("conv/groups", "groups do not divide the channels", "each group takes an equal part")
UNUSED = Rule("spec/unused", "a layer is not used", "it costs and gives nothing")


def span_of(source: Source, text: str, nth: int = 0) -> Span:
    """The span of the nth occurrence of a text within one line of the source."""
    places = [
        (number, line.index(text))
        for number in range(1, source.text.count("\n") + 2)
        if text in (line := source.line(number))
    ]
    number, start = places[nth]
    return Span(source, number, start + 1, number, start + 1 + len(text))


def error_at(span: Span, message: str = "`groups: 3` does not divide 64") -> Diagnostic:
    return Diagnostic(GROUPS, Severity.ERROR, message, Place(span))


def warning_at(span: Span, message: str = "`b` is not used") -> Diagnostic:
    return Diagnostic(UNUSED, Severity.WARNING, message, Place(span))


@st.composite
def hostile(draw: st.DrawFn) -> Diagnostic:
    """An error with hostile texts at places that may lie anywhere, in several files."""
    text = st.text(max_size=90)
    names = st.sampled_from(["a.yaml", "b/ä.yaml", "--set x"])
    sources = [Source(draw(names), draw(text)) for _ in range(2)]
    numbers = st.tuples(st.integers(1, 4), st.integers(1, 100))

    def span() -> Span:
        (line, column), (end_line, end_column) = sorted((draw(numbers), draw(numbers)))
        return Span(draw(st.sampled_from(sources)), line, column, end_line, end_column)

    details = st.sampled_from(["used here", "used here, third copy", "", "where `x` is `1`"])
    trail = tuple(Frame(draw(text), span(), draw(details)) for _ in range(draw(st.integers(0, 3))))
    at = span()
    slug = draw(st.sampled_from(["conv/groups", "local_response_norm/even-size"]))
    return error_at(at, draw(text))._replace(
        rule=GROUPS._replace(slug=slug),
        place=Place(at, trail),
        label=draw(text),
        related=tuple(Related(span(), draw(text)) for _ in range(draw(st.integers(0, 2)))),
        notes=(draw(text),),
        helps=(draw(text), f"did you mean `{draw(text)}`?"),
    )
