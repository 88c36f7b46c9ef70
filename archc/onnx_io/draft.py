"""The graph while layers write it: values are known by number, and named when all is known.

Which node is a layer's last, and which value is an output of the model, is known late. So nodes
are collected in the scope of the layer that adds them, and `finish` gives the final names: a
layer's last node and its output are named as its path, what else it writes `path/OpType` and, for
constants, `path/axes` and so on. Where a name is taken, a number follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from archc.diagnostics.errors import InternalError
from archc.graph.emitter import Attribute, Tensor
from archc.onnx_io.constants import pack
from archc.onnx_io.model import InitializerDef, NodeDef, ValueType
from archc.shapes.tensor_type import DType

_REDUCED = ("data", "axes")
_INPUT_NAMES: Mapping[str, tuple[str, ...]] = {
    "Clip": ("input", "min", "max"),
    "Expand": ("input", "shape"),
    "Gather": ("data", "indices"),
    "Pad": ("data", "pads", "constant_value", "axes"),
    "ReduceMax": _REDUCED,
    "ReduceMean": _REDUCED,
    "ReduceSum": _REDUCED,
    "Reshape": ("data", "shape"),
    "Resize": ("X", "roi", "scales", "sizes"),
    "Slice": ("data", "starts", "ends", "axes", "steps"),
    "Split": ("input", "split"),
    "Squeeze": _REDUCED,
    "Tile": ("input", "repeats"),
    "Unsqueeze": _REDUCED,
}
"""ONNX's names of inputs that tend to be constants, to name those constants by."""


@dataclass(slots=True)
class Scope:
    """What is written under one path: a layer's, with the value that is its output once known."""

    path: str
    result: Tensor | None = None
    constants: dict[tuple[DType, tuple[int, ...], bytes], Tensor] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _DraftNode:
    scope: Scope
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    @property
    def is_main(self) -> bool:
        return self.scope.result is not None and self.scope.result.name in self.outputs


@final
class _Names:
    """Names that are taken, in one of ONNX's two name spaces: nodes, or values."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, wanted: str) -> str:
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


@final
class Draft:
    """Nodes and initializers in the order in which they are added."""

    def __init__(self) -> None:
        self._nodes: list[_DraftNode] = []
        self._count = 0
        self._inputs: dict[str, str] = {}
        self._weights: dict[tuple[str, ValueType], Tensor] = {}
        self._initializers: dict[str, InitializerDef] = {}
        self._constants: dict[str, Scope] = {}

    def input(self, name: str) -> Tensor:
        """An input of the model, under its own name."""
        tensor = self._value()
        self._inputs[tensor.name] = name
        return tensor

    def weight(self, definition: InitializerDef) -> Tensor:
        """A weight under its own name, which every layer that uses it shares."""
        key = (definition.name, definition.dtype)
        if key not in self._weights:
            self._weights[key] = self._value()
            self._initializers[self._weights[key].name] = definition
        return self._weights[key]

    def constant(self, scope: Scope, values: object, dtype: DType) -> Tensor:
        """A constant, one for the same values in a scope."""
        dims, data = pack(values, dtype)
        key = (dtype, dims, data)
        if key not in scope.constants:
            tensor = scope.constants[key] = self._value()
            self._initializers[tensor.name] = InitializerDef("", dtype, dims, data)
            self._constants[tensor.name] = scope
        return scope.constants[key]

    def node(
        self,
        scope: Scope,
        op_type: str,
        inputs: Sequence[Tensor | None],
        outputs: int,
        attributes: Mapping[str, Attribute | None],
    ) -> tuple[Tensor, ...]:
        """Adds a node and gives its outputs; what is None is left out."""
        results = tuple(self._value() for _ in range(outputs))
        names = ["" if tensor is None else tensor.name for tensor in inputs]
        while names and not names[-1]:
            names.pop()
        given = {key: value for key, value in attributes.items() if value is not None}
        self._nodes.append(
            _DraftNode(scope, op_type, tuple(names), tuple(t.name for t in results), given)
        )
        return results

    def finish(
        self, outputs: Sequence[tuple[str, Tensor]]
    ) -> tuple[tuple[NodeDef, ...], tuple[InitializerDef, ...]]:
        """The nodes and the initializers that they use, under their final names.

        An output is the value itself, renamed; where that is an input or another output already,
        an Identity is added.

        Raises:
            InternalError: an output is named as an input, a weight or another output is.
        """
        self._keep_pads()
        names = dict(self._inputs)
        weights = _Names()
        for tensor in self._weights.values():
            names[tensor.name] = weights.claim(self._initializers[tensor.name].name)
        fixed = [*names.values(), *(name for name, _ in outputs)]
        if len({*fixed}) != len(fixed):
            raise InternalError("two of the inputs, the outputs and the weights share a name")
        values = _Names(fixed)
        nodes = [*self._nodes, *self._name_outputs(outputs, names)]
        self._name_constants(nodes, names, values)
        definitions = _name_nodes(nodes, names, values)
        used = dict.fromkeys(i for node in nodes for i in node.inputs if i in self._initializers)
        return definitions, tuple(self._renamed(value, names[value]) for value in used)

    def _keep_pads(self) -> None:
        """Gives the zeros of a Pad a sign, unless convolutions alone take what comes out of it.

        ONNX Runtime folds a Pad of zeros into a pool after it. But the padding of a MaxPool is
        below every number, and a pool with pads as wide as its kernel is not loaded. Zeros are
        known there by their bytes, so that −0, which counts as 0 everywhere, keeps the two apart.
        """
        takers: dict[str, set[str]] = {}
        for node in self._nodes:
            for value in node.inputs:
                takers.setdefault(value, set()).add(node.op_type)
        for node in self._nodes:
            if node.op_type != "Pad" or len(node.inputs) < 3:
                continue
            fill = self._initializers.get(node.inputs[2])
            if fill is None or not isinstance(fill.dtype, DType) or not fill.dtype.is_float:
                continue
            if takers.get(node.outputs[0]) != {"Conv"} and fill.source == pack(0.0, fill.dtype)[1]:
                minus_zero = self.constant(node.scope, -0.0, fill.dtype)
                node.inputs = (*node.inputs[:2], minus_zero.name)

    def _value(self) -> Tensor:
        self._count += 1
        return Tensor(f"%{self._count}")

    def _renamed(self, value: str, name: str) -> InitializerDef:
        old = self._initializers[value]
        return InitializerDef(name, old.dtype, old.dims, old.source)

    def _name_outputs(
        self, outputs: Sequence[tuple[str, Tensor]], names: dict[str, str]
    ) -> list[_DraftNode]:
        """Names the outputs; gives the Identity nodes for those that cannot be renamed."""
        copies: list[_DraftNode] = []
        for name, tensor in outputs:
            value = tensor.name
            if value in names or value in self._initializers:
                copy = self._value()
                scope = Scope(name, copy)
                copies.append(_DraftNode(scope, "Identity", (value,), (copy.name,), {}))
                value = copy.name
            names[value] = name
        return copies

    def _name_constants(
        self, nodes: Sequence[_DraftNode], names: dict[str, str], values: _Names
    ) -> None:
        for node in nodes:
            slots = _INPUT_NAMES.get(node.op_type, ())
            for position, value in enumerate(node.inputs):
                if value in names or value not in self._constants:
                    continue
                slot = slots[position] if position < len(slots) else "constant"
                names[value] = values.claim(f"{self._constants[value].path}/{slot}")


def _name_nodes(
    nodes: Sequence[_DraftNode], names: dict[str, str], values: _Names
) -> tuple[NodeDef, ...]:
    """Names the nodes, the last one of each layer first, and the values that they give."""
    node_names = _Names()
    mains = {id(node): node_names.claim(node.scope.path) for node in nodes if node.is_main}
    for node in nodes:
        if node.is_main and (result := node.scope.result) and result.name not in names:
            names[result.name] = values.claim(node.scope.path)
    definitions: list[NodeDef] = []
    for node in nodes:
        name = mains.get(id(node)) or node_names.claim(f"{node.scope.path}/{node.op_type}")
        for position, value in enumerate(node.outputs):
            if value not in names:
                names[value] = values.claim(f"{name}/output_{position}" if position else name)
        inputs = tuple(value and names[value] for value in node.inputs)
        results = tuple(names[value] for value in node.outputs)
        definitions.append(NodeDef(node.op_type, name, inputs, results, node.attributes))
    return tuple(definitions)
