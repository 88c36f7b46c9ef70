"""What a network costs: parameters, multiply-accumulates, activations."""

from __future__ import annotations

import math

from archc.graph.graph import Graph, Node
from archc.shapes.size import Size, evaluate


def count_parameters(graph: Graph) -> int:
    """The learned values of all outputs, running statistics not counted, shared weights once."""
    return sum(math.prod(w.shape) for _, w in graph.owned_weights().values() if w.learned)


def node_macs(node: Node) -> Size:
    """The multiply-accumulates of a layer a sample, in the symbols of the inputs."""
    return node.layer.macs(node.input_types, node.output)


def count_macs(graph: Graph) -> int:
    """The multiply-accumulates a sample at the default size, else the smallest admitted."""
    sizes = graph.sample_sizes
    known: dict[tuple[int, int], int] = {}  # equal layers of a network are mostly one object
    total = 0
    for node in graph.nodes:
        same = id(node.layer), id(node.output)
        if same not in known:
            known[same] = evaluate(node_macs(node), sizes)
        total += known[same]
    return total
