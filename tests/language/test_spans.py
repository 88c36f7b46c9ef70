"""The shortest stretch of text that shows a mistake, to the character."""

from __future__ import annotations

import pytest

from tests.language.specs import marked, validate

LAYER = [
    ("{conv: 4, kernel: 1, dilatoin: 2}", "dilatoin"),
    ("{conv: 4, kernel: [1, x]}", "[1, x]"),
    ("{conv: 4, kernel: 'x'}", "'x'"),
    ("{conv: 4, kernel: 1, stride: $(1 / 0 + 2)}", "1 / 0"),
    ("{conv: 4, kernel: 1, stride: '$(1 + nme)'}", "nme"),
    ('{conv: 4, kernel: 1, stride: "$(max(1, nme))"}', "nme"),
    ("{conv: 4, kernel: 1, stride: $nme}", "nme"),
    ("{conv: 4, kernel: 1, name: x$(nme)}", "nme"),
    ("{conv: $(min(3, 4)), kernel: 1}", "$(min(3, 4))"),
    ("{conv: 4, kernel: 1, groups: 2}", "2"),
    ("{conv: 4, kernel: 9}", "9"),
    ("{dense: 4}", "dense"),
    ("{rleu, when: true}", "rleu"),
    ("{relu, from: nowhere}", "nowhere"),
    ("{relu, when: 1}", "1"),
    ("{relu, repeat: -1}", "-1"),
    ("{relu, repeat: 2, name: x}", "name"),
    ("{relu: 3}", "3"),
    ("{conv: 4, kernel: }", "kernel"),
    ("{add: [relu, []]}", "relu"),
    ("{add: [{conv: 4, kernel: 1}, []]}", "conv"),
    ("{add: [[{conv: 4, kernel: 1}], [tanh]]}", "[tanh]"),
    ("{do: [relu], name: x}", "name"),
    ("{for: [a, b], in: [[1, 2], [3]], do: []}", "[3]"),
    ("{conv: {out: 4, kernel: 1}, out: 5}", "5"),
]


@pytest.mark.parametrize(("layer", "expected"), LAYER)
def test_mistake_in_a_layer_is_marked(layer: str, expected: str) -> None:
    assert marked(validate(f"layers:\n  - {layer}\n").one) == expected


ELSEWHERE = [
    ("params: {a: {type: in}}\nlayers: [relu]", "in"),
    ("params: {a: {type: int, default: x}}\nlayers: [relu]", "x"),
    ("params: {a: 3}\nvariants: {v: {a: x}}\nlayers: [relu]", "x"),
    ("params: {a: 3}\nvariants: {v: {b: x}}\nlayers: [relu]", "b"),
    ("params: {a: int}\nvariants: {v: {}}\nlayers: [relu]", "v"),
    ("let: {a: $(1 + b)}\nlayers: [relu]", "b"),
    ("blocks: {b: {params: {when: 3}, layers: []}}\nlayers: [relu]", "when"),
    ("layers: [relu]\noutputs: {y: nowhere}", "nowhere"),
    ("layers: [relu]\nexpect: {parameters: 3}", "3"),
    ("layers: [relu]\nexpect: {outputs: {output: [3, 8, 9]}}", "[3, 8, 9]"),
    ("layers: [relu]\npreprocess: {crop: x}", "x"),
    ("layers: [relu]\nweights: {ignore: ['(']}", "'('"),
    ("layers: [relu]\nlabels: nowhere.txt", "nowhere.txt"),
    ("layers: [relu]\nimports: [nowhere.yaml]", "nowhere.yaml"),
    ("input: {x: {shape: [3, H, W], where: {H: {min: 0}}}}\nlayers: [relu]", "0"),
    ("input: {x: {shape: [3, H, W], layout: chw}}\nlayers: [relu]", "chw"),
    ("input: {x: [C, 3, 3]}\nlayers: [relu]", "C"),
]


@pytest.mark.parametrize(("text", "expected"), ELSEWHERE)
def test_mistake_beside_the_layers_is_marked(text: str, expected: str) -> None:
    assert marked(validate(text).one) == expected


def test_span_of_a_block_ends_with_its_last_value() -> None:
    found = validate("layers:\n  - add:\n    # a comment\n    a: relu   # here\n    # after\n").one

    assert (found.span.line, found.span.column) == (5, 5)
    assert (found.span.end_line, found.span.end_column) == (5, 8)


def test_place_in_a_folded_text_is_the_whole_text() -> None:
    found = validate("layers:\n  - conv: >-\n      $(1 +\n      nme)\n    kernel: 1\n").one

    assert found.rule.slug == "expression/unknown-name"
    assert found.span.line == 5
    assert found.span.end_line > 5


def test_columns_count_characters_not_bytes() -> None:
    found = validate("layers: {'äöü…': [relu], b: rleu}\n")

    assert [marked(d) for d in found.diagnostics] == ["'äöü…'", "rleu"]
