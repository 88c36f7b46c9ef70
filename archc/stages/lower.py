"""Lower: a bound graph becomes the model that is written.

Input: a bound graph, rewritten or not. Output: a `ModelDef`. Afterwards every node is needed by an
output and comes after what it takes; nodes and weights are named by the paths of their layers; no
weight has been read.
"""

from __future__ import annotations

from collections.abc import Mapping

from archc.graph.emitter import Tensor
from archc.graph.graph import BoundGraph, Graph, Node, ValueId
from archc.onnx_io.emitter import GraphEmitter
from archc.onnx_io.model import DEFAULT_OPSET, InitializerDef, ModelDef


def lower(
    bound: BoundGraph, *, opset: int = DEFAULT_OPSET, metadata: Mapping[str, str] | None = None
) -> ModelDef:
    """The model of a bound graph.

    Args:
        bound: the graph with the sources of its weights.
        opset: the version of the default ONNX domain, one of `OPSETS`.
        metadata: the properties of the model, in the order in which they are written.
    """
    graph = bound.graph
    emitter = GraphEmitter(opset=opset, domains=graph.domains, inputs=graph.inputs)
    needed, sides = _needed(graph), _wanted_sides(graph)
    tensors: dict[ValueId, Tensor] = {
        i: emitter.input(i) for i in range(len(graph.inputs)) if i in needed
    }
    for value, node in enumerate(graph.nodes, len(graph.inputs)):
        if value not in needed:
            continue
        emitter.enter(
            node.name,
            weights=_weights(bound, node),
            wanted_sides=frozenset(sides.get(value, ())),
            side_source=graph.name_of(node.inputs[1]) if _takes_path(node) else None,
        )
        inputs = [tensors[i] for i in node.inputs]
        result = node.layer.lower(emitter, inputs, node.input_types, node.output)
        tensors[value] = emitter.leave(result)
    outputs = [(o.name, tensors[o.value], graph.type_of(o.value)) for o in graph.outputs]
    return emitter.finish(graph.name, outputs, metadata)


def _needed(graph: Graph) -> set[ValueId]:
    """The values that the outputs depend on."""
    needed = {output.value for output in graph.outputs}
    for value in range(len(graph.inputs) + len(graph.nodes) - 1, len(graph.inputs) - 1, -1):
        if value in needed and (node := graph.node_of(value)):
            needed.update(node.inputs)
    return needed


def _wanted_sides(graph: Graph) -> dict[ValueId, set[str]]:
    """For each layer, the side outputs that others want of it."""
    wanted: dict[ValueId, set[str]] = {}
    for node in graph.nodes:
        if _takes_path(node) and node.layer.path_side is not None:
            wanted.setdefault(node.inputs[1], set()).add(node.layer.path_side)
    return wanted


def _takes_path(node: Node) -> bool:
    return node.layer.path_argument is not None and len(node.inputs) > 1


def _weights(bound: BoundGraph, node: Node) -> dict[str, InitializerDef]:
    """The definitions of a layer's weights by their short names, in the type of its input."""
    dtype = node.input_types[0].dtype
    definitions: dict[str, InitializerDef] = {}
    for weight in node.weights:
        name = node.weight_name(weight)
        definitions[weight.name] = InitializerDef(name, dtype, weight.shape, bound.sources[name])
    return definitions
