"""The graph that elaboration makes: typed layers in order, their names, and how they nest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from archc.diagnostics.place import Place
from archc.graph.layer import Layer
from archc.graph.weight import Weight, WeightSource
from archc.shapes.domain import Domain
from archc.shapes.tensor_type import DType, TensorType

ValueId: TypeAlias = int
"""A value: first the inputs, then the nodes, each in order."""


class Input(NamedTuple):
    """An input of the network.

    Attributes:
        name: as the spec names it.
        type: channels first, of the element type that layers see.
        dtype: the element type that the built model takes; uint8 is cast where it enters.
        nhwc: whether the built model takes channels last.
    """

    name: str
    type: TensorType
    dtype: DType
    nhwc: bool
    place: Place


class Node(NamedTuple):
    """A layer in the network.

    Attributes:
        name: its dotted path.
        layer: the layer with its arguments.
        inputs: the values it takes.
        input_types: their types.
        output: the type of what it gives.
        weights: the weights it needs, each without its prefix.
        owner: the path whose weights it uses; its own name unless shared.
        place: where the spec writes it.
    """

    name: str
    layer: Layer
    inputs: tuple[ValueId, ...]
    input_types: tuple[TensorType, ...]
    output: TensorType
    weights: tuple[Weight, ...]
    owner: str
    place: Place

    def weight_name(self, weight: Weight) -> str:
        """The full name of a weight, which is its key in a checkpoint."""
        return f"{self.owner}.{weight.name}"


class Leaf(NamedTuple):
    """A layer in the nesting of names: its own name and its value."""

    name: str
    value: ValueId


class Group(NamedTuple):
    """A scope in the nesting of names: a sequence, a block (`block` names it), or an alias.

    `value` is the output of the scope; an alias (an identity, or a merge of one branch) may have no
    children.
    """

    name: str
    children: tuple[Element, ...]
    value: ValueId
    block: str | None = None


class Branch(NamedTuple):
    """A branch of a merge: its value, its layers, and whether those are named within the merge.

    Attributes:
        start: the value that it starts from.
        value: the value that it ends in.
        children: its layers.
        is_list: whether they are named `<merge>.<number>.…`, else they stand around the merge.
    """

    start: ValueId
    value: ValueId
    children: tuple[Element, ...]
    is_list: bool


class Merge(NamedTuple):
    """A merge in the nesting of names: its own name and value, and its branches."""

    name: str
    value: ValueId
    branches: tuple[Branch, ...]


Element: TypeAlias = Leaf | Group | Merge


class Output(NamedTuple):
    """An output of the network: its name and value; `branch` holds a side output's own layers."""

    name: str
    value: ValueId
    place: Place
    branch: Branch | None = None


@dataclass(frozen=True)
class Graph:
    """A whole elaborated network.

    Attributes:
        name: the spec's name.
        variant: the variant that was chosen, if any.
        parameters: the parameters' values.
        inputs: the inputs, in order.
        nodes: the layers in the order they run; every input of a node comes before it.
        outputs: the outputs, in order.
        elements: how the layers nest.
        domains: the admitted values of each symbol, the derived minimum included.
        defaults: the symbols' default sizes, where the spec gives them.
        bounds: for each symbol, the smallest value that the layers admit, and which layer asks.
        left_out: the weights of layers that no output needs, which a checkpoint may still hold.
    """

    name: str
    variant: str | None
    parameters: Mapping[str, object]
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]
    elements: tuple[Element, ...]
    domains: Mapping[str, Domain]
    defaults: Mapping[str, int]
    bounds: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    def type_of(self, value: ValueId) -> TensorType:
        """The type of a value."""
        count = len(self.inputs)
        return self.inputs[value].type if value < count else self.nodes[value - count].output

    def name_of(self, value: ValueId) -> str:
        """The path of a value: an input's name or a layer's."""
        count = len(self.inputs)
        return self.inputs[value].name if value < count else self.nodes[value - count].name

    def node_of(self, value: ValueId) -> Node | None:
        """The layer that gives a value, None for an input."""
        count = len(self.inputs)
        return None if value < count else self.nodes[value - count]

    @property
    def sample_sizes(self) -> dict[str, int]:
        """The symbols' values for costs and samples: the default, else the smallest admitted."""
        return {
            name: self.defaults.get(name, domain.first) for name, domain in self.domains.items()
        }

    def owned_weights(self) -> dict[str, tuple[Node, Weight]]:
        """Every weight by its full name, shared ones once, in order."""
        owned: dict[str, tuple[Node, Weight]] = {}
        for node in self.nodes:
            for weight in node.weights:
                owned.setdefault(node.weight_name(weight), (node, weight))
        return owned


class AppliedPolicy(NamedTuple):
    """What a policy of the caller has changed in binding a checkpoint.

    Attributes:
        policy: the option, such as `head`.
        choice: what it was given, such as `init`.
        names: the weights that are not as they were stored; for `ignore`, the keys left out.
        note: what was done, in words.
    """

    policy: str
    choice: str
    names: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class BoundGraph:
    """A graph with a source of elements for each of its weights.

    Attributes:
        graph: the network.
        sources: a source for each full weight name.
        is_trained: whether all come from a checkpoint.
        seed: the seed that some or all were drawn with, where they do not.
        policies: what the caller's policies have changed.
        drawn: the weights that are drawn, where a checkpoint gives the others.
    """

    graph: Graph
    sources: Mapping[str, WeightSource]
    is_trained: bool
    seed: int | None = None
    policies: tuple[AppliedPolicy, ...] = ()
    drawn: tuple[str, ...] = ()
