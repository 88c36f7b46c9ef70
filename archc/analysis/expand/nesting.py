"""How the layers of a network nest, read off their names: layers, scopes and branches in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from archc.diagnostics.errors import InternalError
from archc.graph.graph import Branch, Element, Graph, Group, Leaf, Node, ValueId

Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedBranch:
    """A branch of a merge, or a side output: where it starts and ends, and its layers in order."""

    start: ValueId
    value: ValueId
    is_list: bool
    layers: tuple[NamedLayer, ...]


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """A layer with the parts of its name; a merge with its branches."""

    path: Path
    value: ValueId
    node: Node
    branches: tuple[NamedBranch, ...] = ()


def named_layers(graph: Graph, elements: Iterable[Element]) -> tuple[NamedLayer, ...]:
    """The layers in order; scopes are left to their names, and names without a layer left out."""
    return tuple(_layers(graph, elements))


def named_branch(graph: Graph, branch: Branch) -> NamedBranch:
    """A branch with its layers in order."""
    layers = named_layers(graph, branch.children)
    return NamedBranch(branch.start, branch.value, branch.is_list, layers)


def _layers(graph: Graph, elements: Iterable[Element]) -> Iterator[NamedLayer]:
    for element in elements:
        if isinstance(element, Group):
            yield from _layers(graph, element.children)
            continue
        node = graph.node_of(element.value)
        if node is None:
            raise InternalError(f"`{element.name}` is no layer")
        branches: tuple[NamedBranch, ...] = ()
        if not isinstance(element, Leaf):
            branches = tuple(named_branch(graph, branch) for branch in element.branches)
        yield NamedLayer(tuple(node.name.split(".")), element.value, node, branches)


def by_scope(
    layers: Iterable[NamedLayer], prefix: Path
) -> dict[str, NamedLayer | tuple[NamedLayer, ...]]:
    """What stands in a scope by its own name: layers, and the layers of inner scopes."""
    found: dict[str, list[NamedLayer]] = {}
    for layer in layers:
        if layer.path[: len(prefix)] != prefix:
            raise InternalError(f"`{'.'.join(layer.path)}` does not stand in `{'.'.join(prefix)}`")
        found.setdefault(layer.path[len(prefix)], []).append(layer)
    depth = len(prefix) + 1
    return {
        name: group[0] if len(group) == 1 and len(group[0].path) == depth else tuple(group)
        for name, group in found.items()
    }


def layers_within(layers: Iterable[NamedLayer], prefix: Path) -> Iterator[NamedLayer]:
    """The layers that stand in a scope or in branches there, those of inner scopes left out."""
    for found in by_scope(layers, prefix).values():
        if not isinstance(found, NamedLayer):
            continue
        for number, branch in enumerate(found.branches):
            inner = (*found.path, str(number)) if branch.is_list else found.path[:-1]
            yield from layers_within(branch.layers, inner)
        yield found


def first_value(layer: NamedLayer) -> ValueId:
    """The value that is computed first of a layer and its branches."""
    inner = (first_value(other) for branch in layer.branches for other in branch.layers)
    return min(inner, default=layer.value)
