"""Mistakes in a configuration, each at its line and column, with what helps."""

from __future__ import annotations

import pytest

from archc.deploy.triton.read_config import parse_config
from archc.deploy.triton.text_format import DEPTH_BOUND, TEXT_BOUND
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter


def mistakes(text: str) -> list[Diagnostic]:
    reporter = Reporter()
    found = parse_config(Source("config.pbtxt", text), reporter)
    assert isinstance(found, Failed)
    return list(reporter.diagnostics)


def read(text: str) -> Group:
    reporter = Reporter()
    found = parse_config(Source("config.pbtxt", text), reporter)
    assert not isinstance(found, Failed), reporter.diagnostics
    return found


@pytest.mark.parametrize(
    ("text", "rule", "line", "column", "message"),
    [
        ('name: "a\n', "syntax", 1, 7, "a string does not end on its line"),
        ("name 'a'", "syntax", 1, 6, "`'a'` stands where `:` or `{` belongs"),
        ("input {\n  name: 'a'\n", "syntax", 2, 11, "the text ends where the name of a field, or"),
        ("input [ { } { } ]", "syntax", 1, 13, "`{` stands where `,` or `]` belongs"),
        ("max_batch_size: 8 // eight", "syntax", 1, 19, "`/` stands where the name of a field"),
        ("max_batch_size 8", "syntax", 1, 16, "`8` stands where `:` or `{` belongs"),
        ("max_batch_size: = 8", "syntax", 1, 17, "`=` stands outside of a string"),
        (r"name: '\q'", "syntax", 1, 7, r"`\q` is no escape"),
        (r"name: '\777'", "syntax", 1, 7, r"`\777` is no byte"),
        (r"name: '\ud800'", "syntax", 1, 7, r"`\ud800` is no character"),
        ("\n\n  nme: 'a'", "unknown-field", 3, 3, "`nme` is no field of a configuration"),
        ("input { nam: 'a' }", "unknown-field", 1, 9, "`nam` is no field of `ModelInput`"),
        ("parameters { ky: 'a' }", "unknown-field", 1, 14, "`ky` is no field of an entry of a map"),
        ("input { data_type: FP32 }", "unknown-value", 1, 20, "`data_type` has no value `FP32`"),
        ("max_batch_size: '8'", "wrong-type", 1, 17, "`max_batch_size` takes a whole number"),
        ("max_batch_size: 99999999999", "wrong-type", 1, 17, "`max_batch_size` takes a whole"),
        ("name: a", "wrong-type", 1, 7, "`name` takes a string in quotes"),
        (r"name: '\377'", "wrong-type", 1, 7, "`name` takes a string in quotes"),
        ("name: { }", "wrong-type", 1, 7, "`name` takes a string in quotes, no message"),
        ("input: 3", "wrong-type", 1, 8, "`input` takes a message"),
        ("name: ['a']", "wrong-type", 1, 1, "`name` takes one value, not a list"),
        ("name: 'a'\nname: 'b'", "set-twice", 2, 1, "`name` is given twice"),
        ("version_policy { all { } latest { } }", "two-alternatives", 1, 26, "`latest` is given"),
    ],
)
def test_a_mistake_has_its_place(
    text: str, rule: str, line: int, column: int, message: str
) -> None:
    (found,) = mistakes(text)
    assert found.rule.slug == f"triton/{rule}"
    assert (found.span.line, found.span.column) == (line, column)
    assert found.message.startswith(message)


def test_every_mistake_of_the_fields_is_reported() -> None:
    text = "nam: 'a'\nmax_batch_size: '8'\ninput { data_type: TYPE_FP33 }"
    assert [d.span.line for d in mistakes(text)] == [1, 2, 3]
    assert [d.helps[:1] for d in mistakes(text)][::2] == [
        ("did you mean `name`?",),
        ("did you mean `TYPE_FP32`?",),
    ]


def test_both_places_of_two_alternatives_are_shown() -> None:
    (found,) = mistakes("dynamic_batching { }\nsequence_batching { }")
    assert found.span.line == 2
    assert [related.span.line for related in found.related] == [1]


@pytest.mark.parametrize("opening", ["input {", "input <", "input [ {"])
def test_nesting_is_bounded(opening: str) -> None:
    (found,) = mistakes(opening * (DEPTH_BOUND + 1))
    assert found.rule.slug == "triton/config-too-deep"


def test_a_text_that_is_too_large_is_not_read() -> None:
    (found,) = mistakes("#" * (TEXT_BOUND + 1))
    assert found.rule.slug == "triton/config-too-large"


def test_values_are_read_by_their_types() -> None:
    config = read(
        "\ufeffname: 'a' \"b\\n\\303\\251\"  # a comment { \n"
        "max_batch_size: 0x10; input < dims: [ 3, -1 ], dims: 010 format: 1 >\r\n"
        "parameters { key: 'k' value: { string_value: '1' } }\n"
        "parameters: [ { key: 'k' value { string_value: '2' } }, { value { } } ]"
    )
    assert config.text("name") == "ab\né"
    assert config.integer("max_batch_size") == 16
    (tensor,) = config.groups("input")
    assert tensor.integers("dims") == (3, -1, 8)
    assert tensor.text("format") == "FORMAT_NHWC"
    assert tensor.text("data_type") == "TYPE_INVALID"
    entries = config.entries("parameters")
    assert list(entries) == ["k", ""]
    value = entries["k"].data
    assert isinstance(value, Group)
    assert value.text("string_value") == "2"
    assert value.span.line == 4
