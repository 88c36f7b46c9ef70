"""What a network is made of: its layers with what each costs and sees, and the totals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archc.analysis.cost import node_macs
from archc.analysis.memory import peak_bytes, value_bytes
from archc.analysis.receptive_field import ReceptiveField, receptive_fields
from archc.graph.graph import Element, Graph, Group, Leaf, Node, ValueId
from archc.shapes.size import Size, add, evaluate, substitute
from archc.shapes.tensor_type import DType, TensorType


@dataclass(frozen=True, slots=True)
class Amount:
    """A number at the sample sizes, and the same as a function of the symbols without a default.

    `function` is None where it is a number for every size that the caller may choose.
    """

    at_sample: int
    function: str | None = None


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer, or the layers under one name where they are grouped.

    Attributes:
        name: the dotted path.
        op: the op; the block of a group, or nothing where it is a plain scope.
        layers: how many layers it stands for.
        dtype: the element type of the output.
        shape: the output's sizes without the batch, channels first, at the sample sizes.
        sizes: the same in the symbols of the inputs.
        elements: the output's elements a sample.
        activation_bytes: the bytes of the outputs of all its layers a sample.
        parameters: learned values; shared weights count where they are used first.
        macs: multiply-accumulates a sample.
        receptive_field: what an element of the output depends on; None for no image.
    """

    name: str
    op: str
    layers: int
    dtype: DType
    shape: tuple[int, ...]
    sizes: tuple[str, ...]
    elements: Amount
    activation_bytes: Amount
    parameters: int
    macs: Amount
    receptive_field: ReceptiveField | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What the whole network costs.

    Attributes:
        layers: how many layers there are.
        parameters: learned values, shared ones once.
        macs: multiply-accumulates a sample.
        activation_bytes: the bytes of all layers' outputs a sample.
        peak_bytes: the bytes of activations that live at once a sample, where most do.
    """

    layers: int
    parameters: int
    macs: Amount
    activation_bytes: Amount
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A network's layers in the order they run, and its totals.

    Attributes:
        name: the spec's name.
        variant: the variant, if any.
        inputs: each input with its shape at the sample sizes.
        sample_sizes: the symbols' values that numbers hold for.
        open_symbols: the symbols without a default size.
        rows: the layers.
        totals: what they cost together.
    """

    name: str
    variant: str | None
    inputs: Mapping[str, tuple[int, ...]]
    sample_sizes: Mapping[str, int]
    open_symbols: tuple[str, ...]
    rows: tuple[LayerRow, ...]
    totals: Totals


def summarize(graph: Graph, depth: int | None = None) -> Summary:
    """The summary of a network, its layers grouped by the first `depth` parts of their names."""
    summarizer = _Summarizer(graph)
    groups: dict[str, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        parts = node.name.split(".")
        groups.setdefault(".".join(parts[:depth]), []).append(index)
    scopes = _scopes(graph)
    sizes = graph.sample_sizes
    return Summary(
        name=graph.name,
        variant=graph.variant,
        inputs={i.name: _shape(i.type, sizes) for i in graph.inputs},
        sample_sizes=sizes,
        open_symbols=tuple(name for name in graph.domains if name not in graph.defaults),
        rows=tuple(summarizer.row(name, found, scopes) for name, found in groups.items()),
        totals=summarizer.totals(),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """A name that holds layers: its block, if it is one, and its output."""

    block: str
    value: ValueId


class _Summarizer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._fields = receptive_fields(graph)
        self._parameters = _parameters(graph)

    def row(self, name: str, indices: list[int], scopes: Mapping[str, _Scope]) -> LayerRow:
        graph = self._graph
        first = len(graph.inputs)
        named = next((i for i in indices if graph.nodes[i].name == name), None)
        scope = scopes.get(name)
        if named is not None:
            op, value = graph.nodes[named].layer.op, first + named
        else:
            value = scope.value if scope is not None else first + indices[-1]
            op = scope.block if scope is not None else ""
        nodes = [graph.nodes[i] for i in indices]
        kind = graph.type_of(value)
        return LayerRow(
            name=name,
            op=op,
            layers=len(nodes),
            dtype=kind.dtype,
            shape=_shape(kind, graph.sample_sizes),
            sizes=tuple(map(str, kind.sizes)),
            elements=self._amount(kind.count),
            activation_bytes=self._amount(add(*(value_bytes(graph, first + i) for i in indices))),
            parameters=sum(self._parameters[node.name] for node in nodes),
            macs=self._amount(_macs(nodes)),
            receptive_field=self._fields[value],
        )

    def totals(self) -> Totals:
        graph = self._graph
        values = range(len(graph.inputs), len(graph.inputs) + len(graph.nodes))
        return Totals(
            layers=len(graph.nodes),
            parameters=sum(self._parameters.values()),
            macs=self._amount(_macs(graph.nodes)),
            activation_bytes=self._amount(add(*(value_bytes(graph, value) for value in values))),
            peak_bytes=peak_bytes(graph),
        )

    def _amount(self, size: Size) -> Amount:
        graph = self._graph
        open_size = substitute(size, dict(graph.defaults))
        function = None if isinstance(open_size, int) else str(open_size)
        return Amount(evaluate(size, graph.sample_sizes), function)


def _macs(nodes: Iterable[Node]) -> Size:
    return add(*(node_macs(node) for node in nodes))


def _parameters(graph: Graph) -> dict[str, int]:
    """The learned values of each layer by its name, shared ones where they are used first."""
    counts = dict.fromkeys((node.name for node in graph.nodes), 0)
    for node, weight in graph.owned_weights().values():
        if weight.learned:
            counts[node.name] += math.prod(weight.shape)
    return counts


def _shape(kind: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(size, sizes) for size in kind.sizes)


def _scopes(graph: Graph) -> dict[str, _Scope]:
    """The scopes by their dotted paths."""
    found: dict[str, _Scope] = {}
    _collect(graph.elements, "", found)
    for output in graph.outputs:
        if output.branch is not None:
            prefix = f"{output.name}." if output.branch.is_list else ""
            _collect(output.branch.children, prefix, found)
            if output.branch.is_list:
                found.setdefault(output.name, _Scope("", output.value))
    return found


def _collect(elements: Iterable[Element], prefix: str, found: dict[str, _Scope]) -> None:
    for element in elements:
        path = prefix + element.name
        if isinstance(element, Leaf):
            continue
        if isinstance(element, Group):
            found[path] = _Scope(element.block or "", element.value)
            _collect(element.children, f"{path}.", found)
            continue
        for number, branch in enumerate(element.branches):
            if branch.is_list:
                found[f"{path}.{number}"] = _Scope("", branch.value)
                _collect(branch.children, f"{path}.{number}.", found)
            else:
                _collect(branch.children, prefix, found)
