"""Every variant has the weights, the parameters and the costs of its reference implementation."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import archc
from archc.analysis.cost import count_macs, count_parameters
from archc.graph.graph import Graph
from tests.zoo.variants import SIDE_SETTINGS, VARIANTS, Variant, table

SPECS = Path(__file__).parents[2] / "specs"

every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=str)
side_headed = pytest.mark.parametrize("name", SIDE_SETTINGS)


@cache
def elaborated(name: str) -> Graph:
    return archc.elaborate(name)


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {name: weight.shape for name, (_, weight) in graph.owned_weights().items()}


@every_variant
def test_weights_are_those_of_the_reference(variant: Variant) -> None:
    assert shapes(elaborated(variant.name)) == table(variant.name).weights


@every_variant
def test_parameters_are_those_of_the_reference(variant: Variant) -> None:
    assert count_parameters(elaborated(variant.name)) == table(variant.name).parameters


@every_variant
def test_macs_at_the_default_size_are_those_of_the_reference(variant: Variant) -> None:
    assert count_macs(elaborated(variant.name)) == table(variant.name).macs


@every_variant
def test_input_and_classes_are_those_of_the_reference(variant: Variant) -> None:
    graph = elaborated(variant.name)
    (image,) = graph.inputs
    sample = tuple(
        size if isinstance(size, int) else graph.sample_sizes[str(size)]
        for size in image.type.sizes
    )
    assert sample == table(variant.name).input
    assert graph.type_of(graph.outputs[0].value).sizes == (table(variant.name).classes,)


@every_variant
def test_size_is_free_unless_a_dense_layer_fixes_it(variant: Variant) -> None:
    assert set(elaborated(variant.name).domains) == (set() if variant.is_fixed_size else {"H", "W"})


@side_headed
def test_side_heads_add_the_weights_of_the_reference(name: str) -> None:
    graph = archc.elaborate(name, settings=SIDE_SETTINGS[name])
    facts = table(name)
    assert shapes(graph) == facts.weights | facts.side_weights
    assert count_parameters(graph) == facts.parameters + facts.side_parameters
    assert {o.name for o in graph.outputs[1:]} == set(VARIANTS[name].side_heads)


def test_every_variant_of_the_specs_has_a_table() -> None:
    loaded = [archc.load(path) for path in sorted(SPECS.glob("*.yaml"))]
    assert {name for spec in loaded for name in spec.variants} == set(VARIANTS)
