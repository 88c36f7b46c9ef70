"""The memory that activations take a sample."""

from __future__ import annotations

from archc.graph.graph import Graph, ValueId
from archc.shapes.size import Size, evaluate, scale


def value_bytes(graph: Graph, value: ValueId) -> Size:
    """The bytes that a value takes a sample, in the symbols of the inputs."""
    kind = graph.type_of(value)
    return scale(kind.count, kind.dtype.size_bytes)


def peak_bytes(graph: Graph) -> int:
    """The bytes a sample that live at once where most do, at the sample sizes.

    Layers run in order, one at a time; a value lives from its layer to the last that takes it, an
    output to the end. Layers that do nothing at inference give their input on.
    """
    sizes = graph.sample_sizes
    kept = _storage(graph)
    last: dict[ValueId, int] = {}
    first = len(graph.inputs)
    for position, node in enumerate(graph.nodes, first):
        for value in (*node.inputs, position):
            last[kept[value]] = position
    end = first + len(graph.nodes)
    last |= {kept[output.value]: end for output in graph.outputs}
    size = {value: evaluate(value_bytes(graph, value), sizes) for value in set(kept)}
    live = sum(size[value] for value in range(first))
    peak = live
    ending: dict[int, list[ValueId]] = {}
    for value, position in last.items():
        ending.setdefault(position, []).append(value)
    for position in range(first, end):
        live += size[position] if kept[position] == position else 0
        peak = max(peak, live)
        live -= sum(size[value] for value in ending.get(position, ()))
    return peak


def _storage(graph: Graph) -> list[ValueId]:
    """For each value the one whose memory holds it."""
    kept = list(range(len(graph.inputs)))
    for value, node in enumerate(graph.nodes, len(graph.inputs)):
        kept.append(kept[node.inputs[0]] if node.layer.is_inert else value)
    return kept
