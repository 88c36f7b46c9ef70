"""Every network of `specs/timm/` has the weights, the size and the preprocessing that timm says."""

from __future__ import annotations

from pathlib import Path

import pytest

import archc
from archc.analysis.cost import count_parameters
from tests.zoo.timm.network import ALL, digest, facts

SPECS = Path(__file__).parents[3] / "specs" / "timm"

every_network = pytest.mark.parametrize("name", ALL)


@every_network
def test_weights_are_those_of_timm(name: str) -> None:
    graph = archc.elaborate(f"timm/{name}")
    shapes = {weight: found.shape for weight, (_, found) in graph.owned_weights().items()}
    assert digest(shapes) == facts(name).names_digest
    assert count_parameters(graph) == facts(name).parameters


@every_network
def test_size_is_free_and_by_default_that_of_timm(name: str) -> None:
    graph = archc.elaborate(f"timm/{name}")
    assert graph.sample_sizes == {"H": facts(name).size, "W": facts(name).size}


def test_every_variant_of_the_specs_has_facts() -> None:
    loaded = [archc.load(path) for path in sorted(SPECS.glob("*.yaml"))]
    assert {name for spec in loaded for name in spec.variants} == set(ALL)


@pytest.mark.oracle
def test_facts_are_current() -> None:
    from tests.zoo.timm.network import FACTS
    from tests.zoo.timm.write_facts import text

    assert text() == FACTS.read_text(encoding="utf-8")
