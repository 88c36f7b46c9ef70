"""The two parties of a matching: layers of a network with weights, and groups of a checkpoint.

A layer's weights stand under its path, a group's tensors under a common prefix. Both have a form:
what their arrays are and which sizes they have, axes of size 1 left out. A layer can be bound to
a group of the same form only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from archc.graph.graph import Graph
from archc.graph.weight import Weight
from archc.matching.names import Tokens, numbered
from archc.weights.feature_order import feature_orders

Layout: TypeAlias = Literal["torch", "keras"]
Form: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""What the arrays are, each with its sizes, in the order of the words."""


@dataclass(frozen=True, slots=True)
class LayerParty:
    """A layer with weights.

    Attributes:
        name: its path.
        tokens: the path cut into words and numbers.
        weights: what it owns.
        image: the sizes of the image that was flattened before it, () where none was.
        after: the layers whose output reaches it, one bit each.
    """

    name: str
    tokens: Tokens
    weights: tuple[Weight, ...]
    image: tuple[int, ...]
    after: int

    def weight_name(self, what: str) -> str:
        """The full name of a weight."""
        return f"{self.name}.{what}"

    def forms(self, layout: Layout) -> tuple[Form, ...]:
        """Its weights with their sizes as files of this layout have them.

        A dense layer after a flattened image may be stored as the convolution over all of it.
        """
        usual = {weight.name: stored_sizes(weight, layout) for weight in self.weights}
        if layout == "keras" or not self.image:
            return (tuple(sorted(usual.items())),)
        over_all = {
            weight.name: squeezed((weight.shape[0], *self.image))
            for weight in self.weights
            if len(weight.shape) == 2
        }
        return tuple(sorted(usual.items())), tuple(sorted((usual | over_all).items()))


class GroupParty(NamedTuple):
    """Tensors under a common prefix.

    Attributes:
        name: the prefix, after the spec's rules; the whole name of a tensor that stands alone.
        tokens: the name cut into words and numbers.
        keys: the key of each tensor by what it is, as a layer's weight is called.
        shapes: the sizes of each tensor by its key.
        position: where the first of them stands in the file.
        is_together: whether they stand side by side.
    """

    name: str
    tokens: Tokens
    keys: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    position: int
    is_together: bool

    @property
    def form(self) -> Form:
        """What the tensors are, and their sizes."""
        return tuple(sorted((what, squeezed(self.shapes[key])) for what, key in self.keys.items()))


def squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    """The sizes but for those that are 1."""
    return tuple(size for size in shape if size != 1)


def layers_of(graph: Graph) -> tuple[LayerParty, ...]:
    """The layers that own weights, in the order they run."""
    first = len(graph.inputs)
    numbers: dict[str, int] = {}
    owned: dict[str, tuple[tuple[Weight, ...], tuple[int, ...], int]] = {}
    orders = feature_orders(graph)
    before = [0] * (first + len(graph.nodes))
    for value, node in enumerate(graph.nodes, first):
        reached = 0
        for entering in node.inputs:
            reached |= before[entering]
        if node.weights:
            parts = orders.get(node.inputs[0], ()) if node.inputs else ()
            image = parts[0].sizes if len(parts) == 1 else ()
            owned.setdefault(node.owner, (node.weights, image, reached))
            reached |= 1 << numbers.setdefault(node.owner, len(numbers))
        before[value] = reached
    tokens = numbered(owned)
    return tuple(LayerParty(name, tokens[name], *parts) for name, parts in owned.items())


def stored_sizes(weight: Weight, layout: Layout) -> tuple[int, ...]:
    """The sizes of a weight as a file of this layout has them, but for those that are 1."""
    if layout == "keras" and weight.keras is not None:
        return squeezed(weight.keras.sizes)
    return squeezed(weight.shape)
