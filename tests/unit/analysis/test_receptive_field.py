"""Receptive fields, against known figures and against what a change of one pixel reaches."""

from __future__ import annotations

from fractions import Fraction

import pytest

import archc
from archc.analysis.receptive_field import ReceptiveField, receptive_fields
from archc.graph.graph import Graph
from tests.unit.analysis.specs import graph


def _field(network: Graph, name: str) -> ReceptiveField:
    fields = receptive_fields(network)
    (value,) = (v for v, n in enumerate(network.nodes, len(network.inputs)) if n.name == name)
    field = fields[value]
    assert field is not None
    return field


def _along_height(text: str, name: str = "last") -> tuple[int | None, Fraction | None]:
    axis = _field(graph(text), name).height
    return axis.positions, axis.step


@pytest.mark.parametrize(
    ("spec", "layer", "positions", "step"),
    [
        # Araujo, Norris and Sim 2019, table 1; ResNet with the stride in the 3 × 3 convolution.
        ("vgg16", "features.30", 212, 32),
        ("resnet50", "layer4.2.conv2", 427, 32),
        ("resnet18", "layer4.1.conv2", 435, 32),
        ("lenet5", "s4", 16, 4),
    ],
)
def test_field_of_a_known_network_is_the_published_one(
    spec: str, layer: str, positions: int, step: int
) -> None:
    field = _field(archc.elaborate(spec), layer)
    assert (field.height.positions, field.height.step) == (positions, Fraction(step))
    assert field.width == field.height


def test_dilation_and_stride_grow_the_field() -> None:
    text = """
input: {image: [1, 64, 64]}
layers:
  a: {conv: 1, kernel: 3, stride: 2}
  last: {conv: 1, kernel: 3, dilation: 4}
"""
    assert _along_height(text) == (3 + 8 * 2, Fraction(2))


def test_height_and_width_are_apart() -> None:
    field = _field(
        graph("input: {i: [1, 16, 16]}\nlayers: {last: {conv: 1, kernel: [1, 5], stride: [2, 1]}}"),
        "last",
    )
    assert (field.height.positions, field.height.step) == (1, Fraction(2))
    assert (field.width.positions, field.width.step) == (5, Fraction(1))


def test_a_merge_sees_what_its_largest_branch_sees() -> None:
    text = """
input: {image: [1, 16, 16]}
layers:
  last:
    concat:
      - []
      - [{conv: 1, kernel: 7, padding: 3}]
      - [{conv: 1, kernel: 3, padding: 1}]
"""
    assert _along_height(text) == (7, Fraction(1))


JOINING = ["global_avg_pool", "{global_max_pool: false}", "{mean: [height, width]}"]


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        *((layer, size) for layer in JOINING for size in ("16, 16", "H, W")),
        ("{adaptive_avg_pool: 1}", "16, 16"),
        ("flatten", "16, 16"),
    ],
)
def test_what_joins_all_positions_sees_the_whole_input(layer: str, size: str) -> None:
    text = f"""
input: {{image: [1, {size}]}}
layers: {{a: {{conv: 1, kernel: 3}}, last: {layer}}}
"""
    assert _along_height(text) == (None, None)


def test_a_gate_of_the_whole_input_lets_all_be_seen_and_keeps_the_step() -> None:
    text = """
input: {image: [1, 16, 16]}
layers:
  a: {conv: 1, kernel: 3, stride: 2}
  last: {mul: [[], [global_avg_pool, sigmoid]]}
"""
    assert _along_height(text) == (None, Fraction(2))


def test_upsampling_makes_the_step_finer() -> None:
    text = """
input: {image: [1, 16, 16]}
layers:
  a: {max_pool: 4}
  b: {upsample: 2}
  last: {conv: 1, kernel: 3, padding: 1}
"""
    assert _along_height(text) == (4 + 2 * 2, Fraction(2))


def test_space_to_depth_gathers_neighbours() -> None:
    text = """
input: {image: [1, 16, 16]}
layers: {a: {conv: 1, kernel: 3, padding: 1}, last: {space_to_depth: 2}}
"""
    assert _along_height(text) == (4, Fraction(2))


def test_squeezing_what_a_convolution_left_keeps_its_field() -> None:
    text = """
input: {image: [3, 32, 16]}
layers:
  a: {conv: 1, kernel: [3, 1], stride: [31, 1]}
  last: {squeeze: height}
"""
    assert _along_height(text) == (3, None)


def test_an_input_of_features_has_no_field() -> None:
    network = graph("input: {x: 4}\nlayers: {d: {dense: 2}}")
    assert receptive_fields(network) == {0: None, 1: None}


def test_a_vector_beside_an_image_does_not_shrink_the_field() -> None:
    text = """
input: {image: [1, 8, 8], extra: 3}
layers:
  a: {conv: 2, kernel: 3}
  b: {global_avg_pool: false}
  last: {concat: [[], {from: extra}]}
"""
    assert _along_height(text) == (None, None)
