"""Symbolic sizes among the arguments of layers: how an expanded spec passes them on.

A size of the tensor that enters is `$input.height` or `$input.width`; that tensor is the network's
first input, or what enters the block around. A layer that can take its size from another layer's
path does so instead of needing a block.
"""

from __future__ import annotations

from collections.abc import Iterable

from archc.graph.graph import Graph, Node, ValueId
from archc.shapes.size import Form, Size
from archc.shapes.tensor_type import HEIGHT, WIDTH


def forms(value: object) -> frozenset[Form]:
    """The symbolic sizes in an argument."""
    if isinstance(value, tuple):
        return frozenset().union(*map(forms, value))
    return frozenset((value,)) if isinstance(value, Form) else frozenset()


def node_forms(node: Node) -> frozenset[Form]:
    """The symbolic sizes among a layer's arguments."""
    values = (getattr(node.layer, name) for name in type(node.layer).model_fields)
    return frozenset().union(*map(forms, values))


def expressions(graph: Graph, entering: ValueId) -> dict[Form, str]:
    """The symbolic sizes that an expression gives where this value is `input`."""
    kind = graph.type_of(entering)
    found = ((kind.size(name), f"$input.{name}") for name in (WIDTH, HEIGHT))
    return {size: text for size, text in found if isinstance(size, Form)}


def takes_path(node: Node) -> bool:
    """Whether the layer could take its size from the path of a layer, but does not."""
    layer = node.layer
    return (
        layer.path_argument is not None
        and layer.path_side is None
        and getattr(layer, layer.path_argument) is None
    )


def value_like(graph: Graph, node: Node, before: ValueId) -> ValueId | None:
    """The first value above whose height and width are those of a layer's output."""
    wanted = (node.output.size(HEIGHT), node.output.size(WIDTH))
    return next((v for v in range(before) if _sizes(graph, v) == wanted), None)


def value_with(
    graph: Graph, wanted: Iterable[Form], candidates: Iterable[ValueId]
) -> ValueId | None:
    """The first of the values whose height and width these sizes are."""
    sizes = set(wanted)
    return next((v for v in candidates if sizes <= set(_sizes(graph, v))), None)


def _sizes(graph: Graph, value: ValueId) -> tuple[Size | None, Size | None]:
    kind = graph.type_of(value)
    return kind.size(HEIGHT), kind.size(WIDTH)
