"""Keras's layout of weights: which weight of a graph a variable of Keras is, and how it lies there.

A layer of a spec is called as the layer of Keras. Its variables are named (`kernel`, `gamma`, …),
or numbered in Keras's order, as `.weights.h5` has them. A layer of Keras that is several layers in
a spec, such as a separable convolution, is a scope of that name. Kernels are [kh, kw, in, out],
those of dense layers [in, out]; flat features stand in Keras's order (`feature_order`). Source:
Keras 3, `keras.layers`; Keras 2 has the same but for the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import final

from archc.graph.graph import Graph, Node
from archc.graph.weight import KerasForm, Weight, WeightSource
from archc.weights.feature_order import UNKNOWN, FeatureOrder, feature_orders
from archc.weights.rearranged import Rearranged, Reordered


@final
class KerasLayout:
    """The weights of a graph as Keras names and stores them."""

    def __init__(self, graph: Graph) -> None:
        self._owned = graph.owned_weights()
        self._below: dict[str, list[str]] = {}
        for name, (node, _) in self._owned.items():
            for path in _scopes(node.owner):
                self._below.setdefault(path, []).append(name)
        self._reordered: dict[str, tuple[Reordered, ...]] = {}
        self.unknown: dict[str, Node] = {}
        self._find_orders(graph)

    def named(self, variables: Iterable[str]) -> dict[str, str]:
        """The weights that variables of a file are; those that none is are left out.

        A numbered variable is the k-th weight of its layer, where both have as many.
        """
        found: dict[str, str] = {}
        numbers: dict[str, dict[str, str]] = {}
        for variable in variables:
            path, _, last = variable.rpartition(".")
            if variable in self._owned:
                found[variable] = variable
            elif last.isascii() and last.isdigit():
                numbers.setdefault(path, {})[last] = variable
            elif (name := self._called(path, last)) is not None:
                found[variable] = name
        for path, numbered in numbers.items():
            below = self._below.get(path, [])
            if set(numbered) == {str(number) for number in range(len(below))}:
                found |= {numbered[str(number)]: name for number, name in enumerate(below)}
        return found

    def counts(self, variables: Iterable[str]) -> Iterator[str]:
        """A line for each layer that has another number of numbered variables than weights."""
        stored: dict[str, int] = {}
        for variable in variables:
            path, _, last = variable.rpartition(".")
            if last.isascii() and last.isdigit() and path in self._below:
                stored[path] = stored.get(path, 0) + 1
        for path, count in stored.items():
            wanted = [name.removeprefix(f"{path}.") for name in self._below[path]]
            if count != len(wanted):
                yield (
                    f"`{path}` has {count} numbered variables in the file, and {len(wanted)} "
                    f"weights in the spec: {', '.join(wanted)}"
                )

    def has(self, path: str) -> bool:
        """Whether a path is a layer with weights, or a scope of some."""
        return path in self._below

    def called(self, name: str) -> str:
        """What Keras calls a weight, which is the weight's own name where it has no other."""
        node, weight = self._owned[name]
        return name if weight.keras is None else f"{node.owner}.{weight.keras.names[0]}"

    def source(self, name: str, source: WeightSource) -> WeightSource:
        """A stored array in our layout, also where its sizes are not those wanted."""
        weight = self._owned[name][1]
        form = weight.keras or KerasForm((), weight.shape, tuple(range(len(weight.shape))))
        reordered = self._reordered.get(name, ())
        if without_ones(source.shape) == without_ones(form.sizes):
            if form.order == tuple(range(len(form.order))) and not reordered:
                return source
            return Rearranged(source, form.sizes, form.order, weight.shape, reordered)
        if not len(source.shape) == len(form.order) == len(weight.shape):
            return source
        shape = tuple(source.shape[axis] for axis in form.order)
        fitting = tuple(r for r in reordered if shape[r.axis] == weight.shape[r.axis])
        return Rearranged(source, source.shape, form.order, shape, fitting)

    def _called(self, path: str, variable: str) -> str | None:
        """The one weight of a layer, or else below a scope, that is a variable of this name."""
        below = [name for name in self._below.get(path, []) if self._is(name, variable)]
        own = [name for name in below if self._owned[name][0].owner == path]
        candidates = own or below
        return candidates[0] if len(candidates) == 1 else None

    def _is(self, name: str, variable: str) -> bool:
        keras = self._owned[name][1].keras
        return keras is not None and variable in keras.names

    def _find_orders(self, graph: Graph) -> None:
        orders = feature_orders(graph)
        if not orders:
            return
        for value, node in enumerate(graph.nodes, len(graph.inputs)):
            entering = orders.get(node.inputs[0], ()) if node.inputs else ()
            given = orders.get(value, ())
            for weight in node.weights:
                reordered = tuple(_reordered(weight, entering, given))
                name = node.weight_name(weight)
                if self._reordered.setdefault(name, reordered) != reordered or any(
                    r.order == UNKNOWN for r in reordered
                ):
                    self.unknown.setdefault(name, node)


def _reordered(weight: Weight, entering: FeatureOrder, given: FeatureOrder) -> Iterator[Reordered]:
    if weight.inputs_axis is not None and entering:
        yield Reordered(weight.inputs_axis, entering)
    if weight.outputs_axis is not None and given:
        yield Reordered(weight.outputs_axis, given)


def _scopes(path: str) -> Iterator[str]:
    """A path and those that it lies in.

    >>> list(_scopes("a.b.c"))
    ['a.b.c', 'a.b', 'a']
    """
    while path:
        yield path
        path = path.rpartition(".")[0]


def without_ones(shape: Iterable[int]) -> list[int]:
    """The sizes that are not 1."""
    return [size for size in shape if size != 1]


def fits_as_keras(weight: Weight, stored: tuple[int, ...]) -> bool:
    """Whether a stored array has the sizes of a weight in Keras's layout, and not in ours."""
    form = weight.keras
    return form is not None and stored != weight.shape and stored == form.sizes
