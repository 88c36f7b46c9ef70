"""Networks and checkpoints without elements, for matching: names and sizes are all that counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.language.weight_rules import WeightRules
from archc.matching.match import match
from archc.matching.options import Mode
from archc.matching.parties import Layout
from archc.matching.plan import Plan
from archc.pipeline.networks import Choices, Network, elaborate_network
from archc.pipeline.reading import read_spec


class Sizes(NamedTuple):
    """A source of weights that has sizes alone."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        raise AssertionError(f"a matching reads no elements, as {dtype} or otherwise")


def network_of(text: str) -> Network:
    """The network of a spec's text, its version and name put before it."""
    reporter = Reporter()
    spec = read_spec(Source("net.yaml", f"archc: 1\nname: net\n{text}"), reporter)
    assert not isinstance(spec, Failed), reporter.diagnostics
    network = elaborate_network(spec, Choices(), reporter)
    assert not isinstance(network, Failed), reporter.diagnostics
    return network


def graph_of(text: str) -> Graph:
    return network_of(text).graph


def file_of(graph: Graph, names: Mapping[str, str] | None = None) -> dict[str, Sizes]:
    """A checkpoint of a network in its order, each layer under another name where one is given."""
    found = {}
    for name, (node, weight) in graph.owned_weights().items():
        layer = node.owner if names is None else names.get(node.owner, node.owner)
        found[f"{layer}.{name.rpartition('.')[2]}"] = Sizes(weight.shape)
    return found


def layers_of(graph: Graph) -> list[str]:
    """The layers with weights, in the order they run."""
    return list(dict.fromkeys(node.owner for node, _ in graph.owned_weights().values()))


def sorted_file(tensors: Mapping[str, Sizes]) -> dict[str, Sizes]:
    return dict(sorted(tensors.items()))


def plan_of(
    graph: Graph,
    tensors: Mapping[str, Sizes],
    mode: Mode = "auto",
    *,
    said: Layout | None = None,
    is_by_order: bool = False,
) -> Plan:
    return match(graph, tensors, WeightRules(), mode, said=said, is_by_order=is_by_order)


def bound_layers(plan: Plan) -> dict[str, str]:
    """The prefix of the tensors that each bound layer has."""
    return {m.weight.rpartition(".")[0]: m.key.rpartition(".")[0] for m in plan.matches}


def open_layers(plan: Plan) -> set[str]:
    return {name.rpartition(".")[0] for choice in plan.choices for name in choice.weights}


def wrong(plan: Plan, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The layers that are bound to what they are not called in the file."""
    return [(a, b) for a, b in bound_layers(plan).items() if names.get(a, a) != b]


def called(layers: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """The names of layers in a file."""
    return dict(zip(layers, names, strict=True))
