"""The two ends of a network where a checkpoint often differs: its classes and its input channels.

A head is a layer with weights from which an output comes through layers without any; a stem is one
that images of an input reach so. Which axis of a weight goes along the classes, or the channels,
is an answer of its layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from archc.graph.graph import Graph, Node, ValueId
from archc.stages.bind.assignment import Assignment
from archc.weights.rearranged import with_size


class Head(NamedTuple):
    """A last layer that has another number of classes in the file, or is not in it.

    Attributes:
        value: what the layer gives.
        node: the layer.
        weights: the full names of all its weights.
        stored: the classes in the file, None where the layer is not in it.
        wanted: the classes in the spec.
    """

    value: ValueId
    node: Node
    weights: tuple[str, ...]
    stored: int | None
    wanted: int


def differing_heads(found: Assignment) -> tuple[Head, ...]:
    """The heads with another number of classes in the file, and those that are not in it."""
    graph = found.graph
    values = dict.fromkeys(v for o in graph.outputs for v in weighted_before(graph, [o.value]))
    heads = (_head(found, value) for value in values)
    return tuple(head for head in heads if head is not None)


def _head(found: Assignment, value: ValueId) -> Head | None:
    node = found.graph.node_of(value)
    if node is None:
        return None
    names = tuple(node.weight_name(weight) for weight in node.weights)
    axes = [weight.outputs_axis for weight in node.weights]
    if None in axes:
        return None
    classes: set[int] = set()
    stored: set[int] = set()
    for name, weight in zip(names, node.weights, strict=True):
        axis = weight.outputs_axis or 0
        classes.add(weight.shape[axis])
        if name in found.found:
            shape = found.found[name].source.shape
            if len(shape) != len(weight.shape):
                return None
            if with_size(shape, axis, 0) != with_size(weight.shape, axis, 0):
                return None
            stored.add(shape[axis])
    if stored == classes or len(stored) > 1:
        return None
    return Head(value, node, names, stored.pop() if stored else None, classes.pop())


def weighted_before(graph: Graph, values: Iterable[ValueId]) -> Iterator[ValueId]:
    """The nearest layers with weights that values come from, each once."""
    seen: set[ValueId] = set()
    left = list(values)
    while left:
        value = left.pop()
        node = graph.node_of(value)
        if value in seen or node is None:
            continue
        seen.add(value)
        if node.weights:
            yield value
        else:
            left += node.inputs


def differing_stems(found: Assignment) -> tuple[str, ...]:
    """The kernels over an input's images that take another number of channels in the file."""
    fresh = set(range(len(found.graph.inputs)))
    stems: list[str] = []
    for value, node in enumerate(found.graph.nodes, len(found.graph.inputs)):
        if not node.inputs or not fresh.issuperset(node.inputs):
            continue
        if not node.weights:
            fresh.add(value)
        elif node.input_types[0].is_image:
            stems += (name for name in _kernels(found, node) if name not in stems)
    return tuple(stems)


def _kernels(found: Assignment, node: Node) -> Iterator[str]:
    for weight in node.weights:
        name, axis = node.weight_name(weight), weight.inputs_axis
        if axis is None or weight.outputs_axis is None or name not in found.found:
            continue
        shape = found.found[name].source.shape
        is_alike = len(shape) == len(weight.shape) and (
            with_size(shape, axis, 0) == with_size(weight.shape, axis, 0)
        )
        if is_alike and shape[axis] != weight.shape[axis]:
            yield name
