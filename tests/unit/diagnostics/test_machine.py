from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

import archc.diagnostics.machine
from archc.diagnostics.diagnostic import Diagnostic, Related
from archc.diagnostics.machine import render_json
from archc.diagnostics.place import Frame, Place, Source, Span
from tests.unit.diagnostics.found import error_at, hostile, span_of, warning_at

NET = Source("net.yaml", "layers:\n  a: relu\n  b: [c]\n")

SCHEMA = json.loads(
    Path(archc.diagnostics.machine.__file__).with_name("report.schema.json").read_bytes()
)


@given(st.lists(hostile(), max_size=2))
def test_every_document_is_valid_under_the_schema(found: list[Diagnostic]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(render_json(found)))


def test_the_schema_knows_every_key_and_has_no_other() -> None:
    """Both ways: a key without a description, or one that is never written, is a mistake."""
    span = span_of(NET, "c")
    found = error_at(span, "no `c`")._replace(
        place=Place(span, (Frame("block `x`", span),)),
        related=(Related(span, "r"),),
        helps=("did you mean `conv`?",),
    )
    (row,) = json.loads(render_json([found]))["diagnostics"]
    parts = {
        "diagnostic": row,
        "related": row["related"][0],
        "step": row["trail"][0],
        "fix": row["fix"],
    }
    for name, part in parts.items():
        described = SCHEMA["$defs"][name]
        assert set(part) == set(described["properties"]) == set(described["required"])


def test_the_schema_is_one_and_of_this_version() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == archc.diagnostics.machine.VERSION


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
                        "detail": "used here",
                        "file": "net.yaml",
                        "line": 1,
                        "column": 1,
                        "end_line": 1,
                        "end_column": 7,
                    }
                ],
                "notes": ["why"],
                "helps": ["do\nthis"],
                "fix": None,
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
