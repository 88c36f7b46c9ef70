from __future__ import annotations

import json

from archc.diagnostics.diagnostic import Related
from archc.diagnostics.machine import render_json
from archc.diagnostics.place import Frame, Place, Source, Span
from tests.unit.diagnostics.found import error_at, span_of, warning_at

NET = Source("net.yaml", "layers:\n  a: relu\n  b: [c]\n")


def test_every_part_is_in_the_document() -> None:
    span = span_of(NET, "[c]")
    found = error_at(span, "wrong")._replace(
        place=Place(span, (Frame("block `x`", span_of(NET, "layers")),)),
        label="here",
        related=(Related(span_of(NET, "relu"), "and here"),),
        notes=("why",),
        helps=("do\nthis",),
    )
    assert json.loads(render_json([found])) == {
        "version": 1,
        "diagnostics": [
            {
                "rule": "conv/groups",
                "severity": "error",
                "message": "wrong",
                "file": "net.yaml",
                "line": 3,
                "column": 6,
                "end_line": 3,
                "end_column": 9,
                "label": "here",
                "related": [
                    {
                        "file": "net.yaml",
                        "line": 2,
                        "column": 6,
                        "end_line": 2,
                        "end_column": 10,
                        "label": "and here",
                    }
                ],
                "trail": [
                    {
                        "what": "block `x`",
                        "file": "net.yaml",
                        "line": 1,
                        "column": 1,
                        "end_line": 1,
                        "end_column": 7,
                    }
                ],
                "notes": ["why"],
                "helps": ["do\nthis"],
            }
        ],
    }


def test_nothing_found_is_an_empty_array() -> None:
    assert json.loads(render_json([])) == {"version": 1, "diagnostics": []}


def test_a_file_that_is_no_text_has_no_lines() -> None:
    found = warning_at(Span(Source("w.pt", ""), 1, 1, 1, 1))
    (row,) = json.loads(render_json([found]))["diagnostics"]
    assert row["severity"] == "warning"
    assert row["file"] == "w.pt"
    assert [row[k] for k in ("line", "column", "end_line", "end_column")] == [None] * 4


def test_the_document_is_ascii_whatever_is_quoted() -> None:
    text = render_json([error_at(span_of(NET, "relu"), "`\x1b\u202e\ud800日` is no name")])
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["diagnostics"][0]["message"] == "`\x1b\u202e\ud800日` is no name"
