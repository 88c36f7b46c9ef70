"""Every network has the layers, the weights, the parameters and the costs of Keras's own."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import archc
from archc.analysis.cost import count_macs, count_parameters
from archc.graph.graph import Graph
from archc.layers.batch_normalization import BatchNorm
from tests.zoo.keras.network import TABLES, Network, networks, table

SPECS = Path(__file__).parents[3] / "specs" / "keras"


@cache
def elaborated(name: str) -> Graph:
    (network,) = (network for network in networks() if str(network) == name)
    return archc.elaborate(network.name, settings=network.settings)


def test_weights_are_named_as_in_keras(network: Network) -> None:
    owned = elaborated(str(network)).owned_weights()
    counts = {name: math.prod(weight.shape) for name, (_, weight) in owned.items()}
    assert counts == table(str(network)).counts()


def test_batch_norms_add_what_keras_adds(network: Network) -> None:
    nodes = elaborated(str(network)).nodes
    found = {node.name: node.layer.eps for node in nodes if isinstance(node.layer, BatchNorm)}
    assert found == table(str(network)).epsilons


def test_parameters_and_macs_are_those_of_keras(network: Network) -> None:
    graph = elaborated(str(network))
    assert count_parameters(graph) == table(str(network)).parameters
    assert count_macs(graph) == table(str(network)).macs


def test_input_and_classes_are_those_of_keras(network: Network) -> None:
    graph = elaborated(str(network))
    (image,), (probabilities,) = graph.inputs, graph.outputs
    sizes = [graph.sample_sizes.get(str(size), size) for size in image.type.sizes]
    assert (image.name, tuple(sizes)) == ("image", table(str(network)).input)
    assert probabilities.name == "probabilities"
    assert graph.type_of(probabilities.value).sizes == (table(str(network)).classes,)


def test_size_is_free_unless_a_dense_layer_fixes_it(network: Network) -> None:
    symbols = set() if network.is_fixed_size else {"H", "W"}
    assert set(elaborated(str(network)).domains) == symbols


def test_every_variant_is_listed_and_expects_something() -> None:
    loaded = {path: archc.load(path) for path in sorted(SPECS.glob("*.yaml"))}
    names = {f"keras/{name}" for spec in loaded.values() for name in spec.variants}
    assert names == {network.name for network in networks()}
    for spec in loaded.values():
        assert all(variant.expect for variant in spec.file.variants.values())
        assert not archc.validate(spec).warnings


def test_every_table_is_of_a_network() -> None:
    assert {path.stem for path in TABLES.glob("*.json")} == {str(n) for n in networks()}
