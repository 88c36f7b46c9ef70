"""The graph while it is built: values, nodes, and what the layers demand of the inputs' sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from archc.diagnostics.place import Place
from archc.graph.graph import (
    Branch,
    Element,
    Graph,
    Group,
    Input,
    Leaf,
    Merge,
    Node,
    Output,
    ValueId,
)
from archc.graph.layer import Layer
from archc.graph.weight import Weight
from archc.language.scope import Flowing
from archc.shapes.domain import Bound, Domain
from archc.shapes.tensor_type import TensorType


class Demand(NamedTuple):
    """A lower bound on a symbol, the layer and place that ask for it, and that layer's node."""

    symbol: str
    least: int
    layer: str
    place: Place
    node: int


class Typed(NamedTuple):
    """A layer for inputs of some types: its output, its weights, and what it demands of symbols."""

    layer: Layer
    output: TensorType
    weights: tuple[Weight, ...]
    demands: tuple[Bound, ...]


class GraphBuilder:
    """Collects inputs and nodes in the order they run."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.nodes: list[Node] = []
        self.by_name: dict[str, int] = {}
        self.domains: dict[str, Domain] = {}
        self.defaults: dict[str, int] = {}
        self.demands: list[Demand] = []

    def add_input(self, tensor: Input) -> Flowing:
        """Adds an input; all inputs come before the first node."""
        self.inputs.append(tensor)
        return Flowing(len(self.inputs) - 1, tensor.type)

    def add_node(self, name: str, typed: Typed, inputs: Sequence[Flowing], place: Place) -> Flowing:
        """Adds a layer with its weights and demands, and gives its output."""
        types = tuple(flow.type for flow in inputs)
        node = Node(
            name, typed.layer, tuple(flow.id for flow in inputs), types, typed.output,
            typed.weights, name, place,
        )  # fmt: skip
        index = len(self.nodes)
        for bound in typed.demands:
            self.demands.append(Demand(bound.symbol, bound.least, name, place, index))
        self.append(node)
        return Flowing(len(self.inputs) + index, typed.output)

    def append(self, node: Node) -> None:
        """Adds a layer."""
        self.by_name.setdefault(node.name, len(self.nodes))
        self.nodes.append(node)

    def node_of(self, value: ValueId) -> Node | None:
        """The node that gives a value, None for an input."""
        return self.nodes[value - len(self.inputs)] if value >= len(self.inputs) else None

    def type_of(self, value: ValueId) -> TensorType:
        """The type of a value."""
        node = self.node_of(value)
        return node.output if node is not None else self.inputs[value].type

    def name_of(self, value: ValueId) -> str:
        """The path of a value."""
        node = self.node_of(value)
        return node.name if node is not None else self.inputs[value].name

    def share(self, index: int, owner: str) -> None:
        """Makes a node use the weights of another."""
        self.nodes[index] = self.nodes[index]._replace(owner=owner)

    def demands_of(self, needed: set[ValueId]) -> list[Demand]:
        """The demands of the layers whose values are needed."""
        count = len(self.inputs)
        return [demand for demand in self.demands if demand.node + count in needed]

    def needed(self, outputs: Iterable[Output]) -> set[ValueId]:
        """The values that the outputs hang on."""
        needed: set[ValueId] = set()
        waiting = [output.value for output in outputs]
        while waiting:
            value = waiting.pop()
            if value in needed:
                continue
            needed.add(value)
            node = self.node_of(value)
            if node is not None:
                waiting += node.inputs
        return needed

    def finish(self, graph: Graph, elements: Iterable[Element], needed: set[ValueId]) -> Graph:
        """The graph with the nodes that its outputs need, and the nesting of those."""
        needed = needed | set(range(len(self.inputs)))
        if len(needed) == len(self.inputs) + len(self.nodes):
            return replace(
                graph,
                inputs=tuple(self.inputs),
                nodes=tuple(self.nodes),
                elements=tuple(elements),
            )
        number = {old: new for new, old in enumerate(sorted(needed))}
        kept = [self.nodes[old - len(self.inputs)] for old in number if old >= len(self.inputs)]
        nodes = tuple(n._replace(inputs=tuple(number[i] for i in n.inputs)) for n in kept)
        outputs = tuple(
            o._replace(
                value=number[o.value],
                branch=_branch(o.branch, number) if o.branch is not None else None,
            )
            for o in graph.outputs
        )
        return replace(
            graph,
            inputs=tuple(self.inputs),
            nodes=nodes,
            outputs=outputs,
            elements=_elements(elements, number),
            left_out=_weight_names(self.nodes) - _weight_names(nodes),
        )


def _weight_names(nodes: Iterable[Node]) -> frozenset[str]:
    return frozenset(node.weight_name(weight) for node in nodes for weight in node.weights)


def _elements(elements: Iterable[Element], number: dict[ValueId, ValueId]) -> tuple[Element, ...]:
    kept = (_element(element, number) for element in elements)
    return tuple(element for element in kept if element is not None)


def _element(element: Element, number: dict[ValueId, ValueId]) -> Element | None:
    value = number.get(element.value)
    if isinstance(element, Leaf):
        return Leaf(element.name, value) if value is not None else None
    if isinstance(element, Group):
        children = _elements(element.children, number)
        if value is None:
            if not children:
                return None
            value = children[-1].value
        return Group(element.name, children, value, element.block)
    branches = tuple(_branch(branch, number) for branch in element.branches)
    if value is None:
        children = tuple(child for branch in branches for child in branch.children)
        return Group(element.name, children, children[-1].value) if children else None
    return Merge(element.name, value, branches)


def _branch(branch: Branch, number: dict[ValueId, ValueId]) -> Branch:
    start = number.get(branch.start, 0)
    value = number.get(branch.value, start)
    return Branch(start, value, _elements(branch.children, number), branch.is_list)
