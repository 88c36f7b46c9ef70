from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.diagnostic import Diagnostic, Related
from archc.diagnostics.github import KEPT, render_github
from archc.diagnostics.place import Frame, Place, Source, Span
from tests.unit.diagnostics.found import error_at, hostile, span_of, warning_at

NET = Source("specs/net,1:a%.yaml", "layers:\n  a: rellu\n  b: [c]\n")
ROOT = Path.cwd()
COMMAND = re.compile(r"::(error|warning) (?:([a-zA-Z]+=[^,:\r\n]*)(?:,|(?=::)))+::[^\r\n]*")


def unescaped(text: str) -> str:
    """What the runner reads, by the rules of its own reader."""
    for code, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r")):
        text = text.replace(code, character)
    return text.replace("%25", "%")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner takes it apart."""
    kind, _, rest = line.removeprefix("::").partition(" ")
    properties, _, message = rest.partition("::")
    pairs = (pair.partition("=")[::2] for pair in properties.split(","))
    return kind, {key: unescaped(value) for key, value in pairs}, unescaped(message)


def test_an_annotation_has_place_title_and_everything_that_is_said() -> None:
    span = span_of(NET, "rellu")
    found = error_at(span, "100 % wrong")._replace(
        place=Place(span, (Frame("block `x`", span_of(NET, "layers")),)),
        label="here",
        related=(Related(span_of(NET, "[c]"), "and here"),),
        notes=("why",),
        helps=("do\nthis",),
    )
    text = render_github([found], ROOT, limit=KEPT)
    assert "\n" not in text
    kind, properties, message = read(text)
    assert kind == "error"
    assert properties == {
        "file": "specs/net,1:a%.yaml",
        "line": "2",
        "endLine": "2",
        "col": "6",
        "endColumn": "10",
        "title": "archc conv/groups",
    }
    assert message.split("\n") == [
        "100 % wrong: here",
        "specs/net,1:a%.yaml:3:6: and here",
        "specs/net,1:a%.yaml:1:1: in block `x`, used here",
        "note: why",
        "help: do",
        "this",
    ]


def test_columns_are_given_on_one_line_only() -> None:
    (_, several, _) = read(render_github([error_at(Span(NET, 1, 3, 3, 2))], ROOT, limit=None))
    assert (several["line"], several["endLine"], "col" in several) == ("1", "3", False)
    (_, whole, _) = read(render_github([error_at(Span(NET, 1, 3, 3, 1))], ROOT, limit=None))
    assert whole["endLine"] == "2"
    (_, empty, _) = read(render_github([error_at(Span(NET, 1, 3, 1, 3))], ROOT, limit=None))
    assert (empty["col"], empty["endColumn"]) == ("3", "3")


def test_a_file_that_is_no_text_has_no_line_and_an_option_no_file() -> None:
    binary = error_at(Span(Source("w.pt", ""), 1, 1, 1, 1))
    option = error_at(Span(Source("--set a", "[1"), 1, 1, 1, 3))
    first, second = render_github([binary, option], ROOT, limit=KEPT).split("\n")
    assert read(first)[1] == {"file": "w.pt", "title": "archc conv/groups"}
    assert read(second)[1] == {"title": "archc conv/groups"}


def test_files_are_named_relative_to_the_workspace() -> None:
    text = render_github([error_at(span_of(NET, "a"))], ROOT.parent, limit=KEPT)
    assert read(text)[1]["file"] == f"{ROOT.name}/{NET.name}"


def test_what_github_would_drop_is_counted() -> None:
    error, warning = error_at(span_of(NET, "a")), warning_at(span_of(NET, "b"))
    lines = render_github([warning] * 11 + [error] * 12, ROOT, limit=KEPT).split("\n")
    kinds = [read(line)[0] for line in lines]
    assert kinds == ["error"] * 10 + ["warning"] * 10
    assert read(lines[9])[2].startswith("3 further errors: ")
    assert read(lines[19])[2].startswith("2 further warnings: ")
    assert len(render_github([error] * 10, ROOT, limit=KEPT).split("\n")) == 10
    assert len(render_github([error] * 30, ROOT, limit=None).split("\n")) == 30
    assert render_github([], ROOT, limit=KEPT) == ""


def test_a_long_message_is_cut_within_the_limits() -> None:
    found = error_at(span_of(NET, "a"), "日" * 100_000)
    (line,) = render_github([found], ROOT, limit=KEPT).split("\n")
    assert len(line.encode()) < 64 * 1024


@given(st.lists(hostile(), min_size=1, max_size=2))
def test_whatever_is_quoted_a_line_is_one_command(found: list[Diagnostic]) -> None:
    lines = render_github(found, ROOT, limit=None).split("\n")
    assert len(lines) == len(found)
    for line in lines:
        assert COMMAND.fullmatch(line)
        assert line.isprintable()
