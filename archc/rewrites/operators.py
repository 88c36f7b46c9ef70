"""The operators of a model while rewrites change them: who gives a value, and who takes it.

A value has one giver, and a node is found by its first value. What the outputs need no more is
left out at the end, with the initializers that only that has used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import final

from archc.onnx_io.model import InitializerDef, ModelDef, NodeDef

JOINT = "+"
"""Joins the names of layers that have become one node; no name of a layer has it."""


def main_layer(name: str) -> str:
    """The layer that a node is of; of several, the one whose operator does the work.

    >>> main_layer("conv+pad+bn"), main_layer("scale/Reshape")
    ('conv', 'scale')
    """
    return layers_in(name)[0]


def layers_in(name: str) -> tuple[str, ...]:
    """The layers that a node is of, the main one first; `.name` is one of the same scope.

    >>> layers_in("stem.conv+.bn+pad"), layers_in("scale/Reshape")
    (('stem.conv', 'stem.bn', 'pad'), ('scale',))
    """
    main, *others = (part.partition("/")[0] for part in name.split(JOINT))
    scope = main.rpartition(".")[0]
    return (main, *(f"{scope}{other}" if other[0] == "." else other for other in others))


def joined(main: NodeDef, other: NodeDef) -> str:
    """The name of a node that does what two did: `main`, which takes the other in, comes first."""
    first, *others = dict.fromkeys((*layers_in(main.name), *layers_in(other.name)))
    scope = first.rpartition(".")[0]
    return JOINT.join((first, *(_within(scope, name) for name in others)))


def _within(scope: str, name: str) -> str:
    return name[len(scope) :] if scope and scope == name.rpartition(".")[0] else name


@final
class Operators:
    """The nodes and initializers of a model, open to changes.

    Args:
        model: the model.
        keep: names of values that are wanted beside the outputs.
    """

    def __init__(self, model: ModelDef, keep: Collection[str] = ()) -> None:
        self._model = model
        self._nodes = {node.outputs[0]: node for node in model.nodes}
        self._givers = {value: node.outputs[0] for node in model.nodes for value in node.outputs}
        self._takers: dict[str, dict[str, None]] = {}
        for node in model.nodes:
            self._take(node)
        self._initializers = {i.name: i for i in model.initializers}
        self._kept = {output.name for output in model.outputs} | set(keep)

    def __iter__(self) -> Iterator[NodeDef]:
        """The nodes in the order in which they run, each as it stands when its turn comes."""
        return (self._nodes[first] for first in tuple(self._nodes) if first in self._nodes)

    def giver(self, value: str) -> NodeDef | None:
        """The node that gives a value; None for inputs and initializers."""
        first = self._givers.get(value)
        return None if first is None else self._nodes.get(first)

    def takers(self, value: str) -> list[NodeDef]:
        """The nodes that take a value."""
        return [self._nodes[first] for first in self._takers.get(value, ())]

    def only_taker(self, value: str) -> NodeDef | None:
        """The one node that takes a value, once, where nothing else wants it."""
        takers = self.takers(value)
        if value in self._kept or len(takers) != 1 or takers[0].inputs.count(value) != 1:
            return None
        return takers[0]

    def is_kept(self, value: str) -> bool:
        """Whether a value is wanted under its own name."""
        return value in self._kept

    def initializer(self, name: str) -> InitializerDef | None:
        """The initializer of this name."""
        return self._initializers.get(name)

    def own_initializer(self, name: str) -> InitializerDef | None:
        """The initializer of this name, where one node alone uses it, once."""
        return self._initializers.get(name) if self.only_taker(name) is not None else None

    def add_initializer(self, new: InitializerDef, *, instead_of: str | None = None) -> str:
        """The name of a new initializer: its own, with a number where that is taken."""
        name, number = new.name, 0
        while name != instead_of and (name in self._initializers or name in self._givers):
            number += 1
            name = f"{new.name}_{number}"
        self._initializers[name] = replace(new, name=name)
        return name

    def merge(self, first: NodeDef, second: NodeDef, new: NodeDef) -> None:
        """Puts one node, which gives what `second` gives, in the place of two that follow."""
        self._remove(first)
        self.replace(second, new)

    def replace(self, old: NodeDef, new: NodeDef) -> None:
        """Puts a node in the place of another that gives the same values."""
        self._untake(old)
        self._nodes[old.outputs[0]] = new
        self._take(new)

    def bypass(self, node: NodeDef) -> bool:
        """Removes a node that gives what it takes; not where both values are wanted by name."""
        (value, *_), given = node.inputs, node.outputs[0]
        if given not in self._kept:
            for taker in self.takers(given):
                inputs = tuple(value if name == given else name for name in taker.inputs)
                self.replace(taker, replace(taker, inputs=inputs))
            self._remove(node)
            return True
        giver = self.giver(value)
        if giver is None or self.only_taker(value) is None:
            return False
        self._remove(node)
        self._rename(giver, value, given)
        return True

    def _rename(self, giver: NodeDef, value: str, name: str) -> None:
        outputs = tuple(name if output == value else output for output in giver.outputs)
        new = replace(giver, outputs=outputs)
        self._untake(giver)
        self._nodes = {
            n.outputs[0]: n for n in (new if old is giver else old for old in self._nodes.values())
        }
        del self._givers[value]
        self._givers.update(dict.fromkeys(outputs, outputs[0]))
        self._take(new)

    def finish(self) -> ModelDef:
        """The model of the nodes that its outputs need, and of what they use."""
        needed: set[str] = set(self._kept)
        nodes = []
        for node in reversed(self._nodes.values()):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                nodes.append(node)
        nodes.reverse()
        used = dict.fromkeys(name for node in nodes for name in node.inputs)
        initializers = [self._initializers[name] for name in used if name in self._initializers]
        return replace(self._model, nodes=tuple(nodes), initializers=tuple(initializers))

    def _take(self, node: NodeDef) -> None:
        for value in node.inputs:
            if value:
                self._takers.setdefault(value, {})[node.outputs[0]] = None

    def _untake(self, node: NodeDef) -> None:
        for value in set(node.inputs):
            if value:
                self._takers[value].pop(node.outputs[0], None)

    def _remove(self, node: NodeDef) -> None:
        self._untake(node)
        del self._nodes[node.outputs[0]]
        for value in node.outputs:
            self._givers.pop(value, None)
