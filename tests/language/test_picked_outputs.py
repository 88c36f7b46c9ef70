"""Outputs that the caller picks instead of the spec's."""

from __future__ import annotations

from tests.language.specs import validate

SPEC = """
input: {image: [3, H, W]}
layers:
  stem: {conv: 4, kernel: 3}
  body: [{conv: 5, kernel: 7}, relu]
  head: [global_avg_pool, flatten, {dense: 2}]
outputs: {logits: head, aux: {from: stem, layers: {aux: {conv: 3, kernel: 1}}}}
expect: {parameters: 1}
"""


def test_only_what_they_need_is_kept() -> None:
    graph = validate(SPEC, outputs={"features": "body.0", "early": "stem"}).graph

    assert [o.name for o in graph.outputs] == ["features", "early"]
    assert [n.name for n in graph.nodes] == ["stem", "body.0"]
    assert "head.2.weight" not in graph.owned_weights()


def test_smallest_input_is_that_of_the_layers_kept() -> None:
    graph = validate(SPEC, outputs={"early": "stem"}).graph

    assert {name: least for name, (least, _) in graph.bounds.items()} == {"H": 3, "W": 3}


def test_input_is_a_path() -> None:
    graph = validate(SPEC, outputs={"same": "input", "too": "image"}).graph

    assert [o.value for o in graph.outputs] == [0, 0]


def test_unknown_path_is_reported_with_the_nearest() -> None:
    found = validate(SPEC, outputs={"x": "body.00", "y": "stm"})

    assert found.rules == ["path/unknown", "path/unknown"]
    assert [d.span.file for d in found.diagnostics] == ["--output x=body.00", "--output y=stm"]
    assert "did you mean `stem`?" in found.diagnostics[1].helps


def test_layers_that_nothing_needs_leave_the_nesting_too() -> None:
    graph = validate(SPEC, outputs={"features": "body.0"}).graph

    assert [element.name for element in graph.elements] == ["stem", "body"]
    assert graph.elements[1].value == graph.outputs[0].value
