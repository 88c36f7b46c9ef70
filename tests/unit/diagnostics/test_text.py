from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.cells import cells
from archc.diagnostics.diagnostic import Diagnostic, Related
from archc.diagnostics.place import Frame, Place, Source, Span
from archc.diagnostics.text import render_text
from tests.unit.diagnostics.found import error_at, hostile, span_of, warning_at

NET = Source(
    "specs/net.yaml",
    """\
archc: 1
name: net
blocks:
  inner: {params: {out: int}, layers: [{conv: $out, kernel: 3, groups: 3}]}
  outer: {layers: [{inner: 64}]}

input: {image: [3, 32, 32]}
layers:
  stem: {conv: 64, kernel: 7}
  add:
    - conv: 64
      groups: 3
    - []
  last: outer
""",
)


def test_the_users_line_is_shown_with_carets_under_the_span() -> None:
    found = error_at(
        Span(NET, 12, 15, 12, 16), "`groups: 3` does not divide 64 input channels"
    )._replace(
        label="must divide 64 and 128",
        notes=("`stem` gives float32 (N, 64, 112, 112), from specs/net.yaml:9:5",),
        helps=("use a divisor of 64, for example 2",),
    )
    assert render_text([found]) == (
        """\
error[conv/groups]: `groups: 3` does not divide 64 input channels
  --> specs/net.yaml:12:15
   |
12 |       groups: 3
   |               ^ must divide 64 and 128
   = note: `stem` gives float32 (N, 64, 112, 112), from specs/net.yaml:9:5
   = help: use a divisor of 64, for example 2

1 error"""
    )


def test_further_places_follow_with_their_labels() -> None:
    other = Source("lib/blocks.yaml", "archc: 1\nblocks: {}\n")
    binary = Source("weights.safetensors", "")
    found = error_at(span_of(NET, "conv: 64", 1))._replace(
        related=(
            Related(span_of(NET, "stem"), "gives 64 channels"),
            Related(span_of(other, "blocks"), "defined here"),
            Related(Span(binary, 1, 1, 1, 1), "holds 128"),
        ),
    )
    assert render_text([found]) == (
        """\
error[conv/groups]: `groups: 3` does not divide 64
  --> specs/net.yaml:11:7
   |
11 |     - conv: 64
   |       ^^^^^^^^
  ::: specs/net.yaml:9:3
   |
 9 |   stem: {conv: 64, kernel: 7}
   |   ---- gives 64 channels
  ::: lib/blocks.yaml:2:1
   |
 2 | blocks: {}
   | ------ defined here
  ::: weights.safetensors: holds 128

1 error"""
    )


def test_the_uses_that_led_there_follow_from_the_innermost_out() -> None:
    trail = (
        Frame("block `outer`", span_of(NET, "outer", 1)),
        Frame("block `inner`", span_of(NET, "inner: 64")),
    )
    span = span_of(NET, "groups: 3")
    found = error_at(span)._replace(place=Place(span, trail))
    assert render_text([found]) == (
        """\
error[conv/groups]: `groups: 3` does not divide 64
  --> specs/net.yaml:4:64
   |
 4 |   inner: {params: {out: int}, layers: [{conv: $out, kernel: 3, groups: 3}]}
   |                                                                ^^^^^^^^^
  ::: specs/net.yaml:5:21
   |
 5 |   outer: {layers: [{inner: 64}]}
   |                     --------- in block `inner`, used here
  ::: specs/net.yaml:14:9
   |
14 |   last: outer
   |         ----- in block `outer`, used here

1 error"""
    )


def test_a_long_trail_is_shown_at_its_ends() -> None:
    span = span_of(NET, "groups: 3")
    trail = tuple(Frame(f"block `b{i}`", span_of(NET, "outer")) for i in range(9))
    text = render_text([error_at(span)._replace(place=Place(span, trail))])
    assert re.findall(r"in block `(b\d)`", text) == ["b8", "b7", "b6", "b2", "b1", "b0"]
    assert "  = note: 3 further uses in between" in text


def test_a_span_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    start = span_of(NET, "add:")
    found = error_at(Span(NET, start.line, start.column, start.line + 3, 9))._replace(
        label="both branches"
    )
    assert render_text([found]) == (
        """\
error[conv/groups]: `groups: 3` does not divide 64
  --> specs/net.yaml:10:3
   |
10 |   add:
   |   ^^^^... both branches

1 error"""
    )


def test_a_span_that_takes_the_line_break_stays_on_its_line() -> None:
    start = span_of(NET, "last")
    text = render_text([error_at(Span(NET, start.line, start.column, start.line + 1, 1))])
    assert text.splitlines()[-3] == "   |   ^^^^^^^^^^^"


@pytest.mark.parametrize(
    ("span", "line", "marks"),
    [
        (Span(NET, 1, 1, 1, 1), "1 | archc: 1", "  | ^"),
        (Span(NET, 1, 9, 1, 9), "1 | archc: 1", "  |         ^"),
        (Span(NET, 1, 40, 1, 44), "1 | archc: 1", "  |         ^"),
        (Span(NET, 1, 8, 1, 44), "1 | archc: 1", "  |        ^"),
        (Span(NET, 6, 1, 6, 1), "6 |", "  | ^"),
        (Span(NET, 99, 1, 99, 5), "99 |", "   | ^"),
    ],
)
def test_an_empty_span_or_one_beyond_the_line_has_one_caret(
    span: Span, line: str, marks: str
) -> None:
    lines = render_text([error_at(span)]).splitlines()
    assert lines[3:5] == [line, marks]


@pytest.mark.parametrize("span", [Span(Source("w.pt", ""), 1, 1, 1, 1)])
def test_a_source_without_text_shows_its_name_alone(span: Span) -> None:
    found = error_at(span, "`fc.weight` is missing")._replace(helps=("retrain",))
    assert render_text([found]) == (
        """\
error[conv/groups]: `fc.weight` is missing
 --> w.pt
  = help: retrain

1 error"""
    )


@pytest.mark.parametrize(
    ("line", "marked", "shown", "marks"),
    [
        ("\tgroups:\t3", "3", "1 |     groups:    3", "  |                ^"),
        ("a:\t\t3", "\t\t", "1 | a:        3", "  |   ^^^^^^^^"),
        ("日本: 語, x: 3", "x: 3", "1 | 日本: 語, x: 3", "  |           ^^^^"),
        ("日本: 語, x: 3", "語", "1 | 日本: 語, x: 3", "  |       ^^"),
        ("cafe\u0301: 3", "3", "1 | cafe\u0301: 3", "  |       ^"),
        ("a: \x1b[31m7", "7", "1 | a: \\x1b[31m7", "  |            ^"),
        ("\u202eab: 3", "ab", "1 | \\u202eab: 3", "  |       ^^"),
        ("a:\xa03", "3", "1 | a:\\xa03", "  |       ^"),
        ("a\u200bb: \ud800", "\ud800", "1 | a\\u200bb: \\ud800", "  |           ^^^^^^"),
        ("k: \U000e0041", "\U000e0041", "1 | k: \\U000e0041", "  |    ^^^^^^^^^^"),
        ("a: 3   ", "3", "1 | a: 3", "  |    ^"),
    ],
)
def test_columns_count_characters_and_carets_stand_under_them(
    line: str, marked: str, shown: str, marks: str
) -> None:
    text = render_text([error_at(span_of(Source("a.yaml", line), marked))])
    assert text.splitlines()[3:5] == [shown, marks]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_lines_end_where_yaml_says(end: str) -> None:
    source = Source("a.yaml", f"a: 1{end}b: 2{end}c: 3")
    assert [source.line(n) for n in (0, 1, 2, 3, 4)] == ["", "a: 1", "b: 2", "c: 3", ""]


def test_what_a_message_quotes_is_escaped() -> None:
    found = error_at(
        Span(Source("a\x1b\n.yaml", ""), 1, 1, 1, 1), "`a\x1b[2Jb` is no `\n\tname`"
    )._replace(
        notes=("first\nthen `\u2066`",),
    )
    assert render_text([found]) == (
        """\
error[conv/groups]: `a\\x1b[2Jb` is no `\\n\\tname`
 --> a\\x1b\\n.yaml
  = note: first
          then `\\u2066`

1 error"""
    )


def test_a_long_line_is_cut_on_both_sides_of_the_span() -> None:
    line = "long: {" + "a: 1, " * 40 + "groups: 3, " + "b: 2, " * 40 + "}"
    found = error_at(span_of(Source("a.yaml", line), "groups: 3"))._replace(label="here")
    text = render_text([found], width=60)
    assert text.splitlines()[3:5] == [
        "1 | ..., a: 1, a: 1, a: 1, groups: 3, b: 2, b: 2, b: 2, b...",
        "  |                        ^^^^^^^^^ here",
    ]


@pytest.mark.parametrize(
    ("marked", "shown", "marks"),
    [
        ("first", "1 | first: xxxxxxxxxxxxxxxxxxxxxxxxxx...", "  | ^^^^^"),
        (
            "last",
            "1 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxx: last",
            "  |                                 ^^^^",
        ),
        ("x" * 90, "1 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...", "  |    " + "^" * 33),
    ],
)
def test_a_long_line_is_cut_where_the_span_is_not(marked: str, shown: str, marks: str) -> None:
    source = Source("a.yaml", "first: " + "x" * 90 + ": last")
    lines = render_text([error_at(span_of(source, marked), "wrong")], width=40).splitlines()
    assert lines[3:5] == [shown, marks]


def test_a_long_label_moves_below_its_marks() -> None:
    found = error_at(span_of(NET, "groups: 3", 1))._replace(
        label="must divide the channels of the input and those of the output",
    )
    assert render_text([found], width=60).splitlines()[3:6] == [
        "12 |       groups: 3",
        "   |       ^^^^^^^^^",
        "   | must divide the channels of the input and those of the",
    ]


def test_long_values_are_cut_in_the_middle_and_long_messages_wrapped() -> None:
    span = Span(Source("a.yaml", ""), 1, 1, 1, 1)
    message = f"`{'x' * 300}` is no name of an op or a block, and no parameter has it, unlike `y`"
    found = error_at(span, message)._replace(helps=("write\n  " + "word " * 12,))
    assert render_text([found], width=60) == (
        """\
error[conv/groups]: `xxxxxxxxx...xxxxxxxx` is no name of an
    op or a block, and no parameter has it, unlike `y`
 --> a.yaml
  = help: write
            word word word word word word word word word
          word word word

1 error"""
    )


def test_the_summary_counts_what_is_shown_and_what_is_not() -> None:
    span = span_of(NET, "stem")
    error, warning = error_at(span), warning_at(span)
    assert render_text([]) == ""
    assert render_text([error]).endswith("\n\n1 error")
    assert render_text([warning, warning]).endswith("\n\n2 warnings")
    assert render_text([error, warning, error]).endswith("\n\n2 errors, 1 warning")
    text = render_text([warning] * 30 + [error_at(span, "last")])
    assert text.endswith("\n\n1 error, 30 warnings (11 not shown)\n  specs/net.yaml: 11 warnings")
    assert text.count("warning[") == 19
    assert "error[conv/groups]: last\n" in text
    assert render_text([error] * 5, limit=2).count("error[") == 2
    assert render_text([error] * 30, limit=None).count("error[") == 30


def test_what_is_not_shown_is_counted_by_file_and_severity() -> None:
    files = [Source(f"{n}.yaml", "a: b\n") for n in range(14)]
    found = [
        d
        for source in files
        for d in (error_at(span_of(source, "a")), warning_at(span_of(source, "b")))
    ]
    text = render_text(found, limit=13, context="in 14 of 15 specs", more="`--all` shows them")
    shown = re.findall(r"error\[conv/groups\].*\n --> (\d+)\.yaml", text)
    assert list(map(int, shown)) == list(range(13))  # errors first, in the order of the files
    assert text.partition("\n\n14 errors")[2] == (
        """, 14 warnings in 14 of 15 specs (15 not shown)
  0.yaml: 1 warning
  1.yaml: 1 warning
  2.yaml: 1 warning
  3.yaml: 1 warning
  4.yaml: 1 warning
  5.yaml: 1 warning
  6.yaml: 1 warning
  7.yaml: 1 warning
  8.yaml: 1 warning
  5 further files
  = help: `--all` shows them"""
    )


def test_copies_and_rounds_are_told_in_notes() -> None:
    trail = (
        Frame("the second round", span_of(NET, "layers", 2), "where `c` is `3`"),
        Frame("block `outer`", span_of(NET, "outer", 1), "used here, third copy"),
        Frame("the 12th copy", span_of(NET, "stem"), ""),
    )
    span = span_of(NET, "groups: 3")
    lines = render_text([error_at(span)._replace(place=Place(span, trail))]).splitlines()
    assert lines[5:] == [
        "  ::: specs/net.yaml:14:9",
        "   |",
        "14 |   last: outer",
        "   |         ----- in block `outer`, used here, third copy",
        "   = note: in the 12th copy at specs/net.yaml:9:3",
        "   = note: in the second round at specs/net.yaml:8:1, where `c` is `3`",
        "",
        "1 error",
    ]


def test_colour_only_paints() -> None:
    found = error_at(span_of(NET, "groups: 3", 1))._replace(
        label="here", notes=("why",), helps=("how",)
    )
    painted = render_text([found, warning_at(span_of(NET, "stem"))], color=True)
    plain = render_text([found, warning_at(span_of(NET, "stem"))])
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain
    assert painted.startswith("\x1b[1;31merror[conv/groups]\x1b[0m")
    assert "\x1b[1;33mwarning[spec/unused]\x1b[0m" in painted
    assert "\x1b[1;31m^^^^^^^^^ here\x1b[0m" in painted


@given(hostile(), st.integers(1, 120))
def test_no_text_breaks_the_width_or_reaches_the_terminal(found: Diagnostic, width: int) -> None:
    lines = render_text([found], width=width).split("\n")
    assert all(cells(line) <= max(width, 40) for line in lines)
    assert all(line.isprintable() for line in lines)
