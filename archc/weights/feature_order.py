"""In which order Keras has flat features, where that is not ours.

We keep images as (channels, height, width), Keras as (height, width, channels). Flattened, the same
features stand in another order, and the weights of the layers that take them do as well. Features
keep that order through layers that leave each in its place, follow each other in a `concat`, and
are made anew by a dense layer, which then has the order that a later `reshape` to an image asks
for. Where a layer mixes features that stand in another order, nothing can be said of what it gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from archc.graph.graph import Graph, Node, ValueId
from archc.shapes.tensor_type import CHANNELS, TensorType


class Part(NamedTuple):
    """Features that come of one tensor.

    Attributes:
        sizes: those of the tensor, in our order.
        channels: which axis the channels are; Keras has it last, the others as they are.
    """

    sizes: tuple[int, ...]
    channels: int

    @property
    def size(self) -> int:
        """How many features there are."""
        return math.prod(self.sizes)

    @property
    def is_plain(self) -> bool:
        """Whether the order is the same in Keras."""
        return self.sizes[self.channels] == 1 or math.prod(self.sizes[self.channels + 1 :]) == 1


FeatureOrder: TypeAlias = tuple[Part, ...]
"""Features of several tensors one behind the other; () where their order is that of Keras."""

UNKNOWN: Final = (Part((), -1),)
"""The order of features that a layer mixed in a way that Keras, in its order, does not."""


def feature_orders(graph: Graph) -> Mapping[ValueId, FeatureOrder]:
    """The order of each value that is flat features in another order than in Keras."""
    wanted = _wanted(graph)
    orders: dict[ValueId, FeatureOrder] = {}
    for value, node in enumerate(graph.nodes, len(graph.inputs)):
        order = _order(graph, node, orders, wanted.get(value, ()))
        if order:
            orders[value] = order
    return orders


def _wanted(graph: Graph) -> dict[ValueId, FeatureOrder]:
    """The order that a later reshape to an image asks of features, through what keeps them."""
    wanted: dict[ValueId, FeatureOrder] = {}
    for value in range(len(graph.inputs) + len(graph.nodes) - 1, len(graph.inputs) - 1, -1):
        node = graph.node_of(value)
        if node is None or not node.inputs:
            continue
        if _is_flat(node.input_types[0]) and _is_same_elements(node.input_types[0], node.output):
            order = _of_tensor(node.output)
            if order:
                wanted.setdefault(node.inputs[0], order)
        elif node.layer.features == "kept" and value in wanted:
            for entering in node.inputs:
                if graph.type_of(entering) == node.output:
                    wanted.setdefault(entering, wanted[value])
    return wanted


def _order(
    graph: Graph, node: Node, orders: Mapping[ValueId, FeatureOrder], wanted: FeatureOrder
) -> FeatureOrder:
    if not _is_flat(node.output):
        return ()
    first = node.input_types[0] if node.input_types else node.output
    if node.layer.features == "new":
        return wanted
    if not _is_flat(first):
        return _of_tensor(first) if _is_same_elements(first, node.output) else ()
    entering = [orders.get(value, ()) for value in node.inputs]
    if not any(entering):
        return ()
    if node.layer.features == "chained":
        return _chained(graph, node, orders)
    alike = {
        order
        for order, type_ in zip(entering, node.input_types, strict=True)
        if type_.sizes == node.output.sizes
    }
    return alike.pop() if node.layer.features == "kept" and len(alike) == 1 else UNKNOWN


def _chained(graph: Graph, node: Node, orders: Mapping[ValueId, FeatureOrder]) -> FeatureOrder:
    parts: list[Part] = []
    for value in node.inputs:
        order, size = orders.get(value, ()), graph.type_of(value).sizes[0]
        if order == UNKNOWN or not isinstance(size, int):
            return UNKNOWN
        parts += order or (Part((size,), 0),)
    return tuple(parts)


def _of_tensor(type_: TensorType) -> FeatureOrder:
    """The order of a tensor's elements when they are flat, by where its channels stand."""
    sizes = tuple(size for size in type_.sizes if isinstance(size, int))
    names = [axis.name for axis in type_.axes]
    if len(sizes) < len(names) or CHANNELS not in names:
        return ()
    part = Part(sizes, names.index(CHANNELS))
    return () if part.is_plain else (part,)


def _is_flat(type_: TensorType) -> bool:
    return type_.rank == 2


def _is_same_elements(before: TensorType, after: TensorType) -> bool:
    return before.rank != after.rank and before.count == after.count
