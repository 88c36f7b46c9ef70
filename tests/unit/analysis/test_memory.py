"""The memory of activations, against sums by hand."""

from __future__ import annotations

from archc.analysis.memory import peak_bytes
from tests.unit.analysis.specs import graph

KB = 4 * 256
"""One channel of 16 × 16 in float32."""


def test_a_chain_holds_two_neighbours() -> None:
    layers = "[{conv: 3, kernel: 1}, {conv: 5, kernel: 1}, {conv: 1, kernel: 1}]"
    chain = f"input: {{i: [1, 16, 16]}}\nlayers: {layers}"
    assert peak_bytes(graph(chain)) == (3 + 5) * KB


def test_a_skip_keeps_its_value_until_the_merge() -> None:
    text = """
input: {i: [1, 16, 16]}
layers:
  - {conv: 2, kernel: 1}
  - add:
      - []
      - [{conv: 4, kernel: 1}, {conv: 8, kernel: 1}, {conv: 2, kernel: 1}]
"""
    assert peak_bytes(graph(text)) == (2 + 4 + 8) * KB


def test_an_output_stays_to_the_end() -> None:
    text = """
input: {i: [1, 16, 16]}
layers: {a: {conv: 9, kernel: 1}, b: {conv: 1, kernel: 1}, c: {conv: 4, kernel: 1}}
"""
    assert peak_bytes(graph(text)) == (9 + 1) * KB
    assert peak_bytes(graph(text + "outputs: {first: a, last: c}\n")) == (9 + 1 + 4) * KB


def test_a_layer_that_does_nothing_takes_nothing() -> None:
    text = "input: {i: [1, 16, 16]}\nlayers: [{conv: 3, kernel: 1}, {dropout: 0.5}, identity]"
    assert peak_bytes(graph(text)) == (1 + 3) * KB


def test_element_types_count() -> None:
    text = "input: {i: {shape: [4, 16, 16], dtype: float16}}\nlayers: [{conv: 4, kernel: 1}]"
    assert peak_bytes(graph(text)) == 2 * 4 * KB // 2


def test_the_size_is_the_default_else_the_smallest_admitted() -> None:
    text = "input: {{i: {{shape: [1, H, H], where: {{H: {{min: 8{0}}}}}}}}}\nlayers: [relu]"
    assert peak_bytes(graph(text.format(""))) == 2 * 4 * 64
    assert peak_bytes(graph(text.format(", default: 16"))) == 2 * KB
