"""The model in sixteen bits: weights and values are float16, but where range is needed.

Sums of squares, exponentials and divisions by them are computed in float32: float16 ends at 65,504
and loses digits below 6e-5. So are operators with a constant that float16 does not hold. Casts
stand where the two meet. Source: IEEE 754, binary16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, final

import numpy as np

from archc.graph.weight import WeightSource
from archc.onnx_io.check import value_types
from archc.onnx_io.encode import encode_structure
from archc.onnx_io.model import ELEMENT_TYPES, InitializerDef, ModelDef, NodeDef, ValueDef
from archc.shapes.tensor_type import DType
from archc.weights.conversion import converted_bytes
from archc.weights.refusal import OutOfRangeError

NEEDS_RANGE = frozenset(
    {
        "BatchNormalization", "Div", "Exp", "GlobalAveragePool", "GroupNormalization",
        "InstanceNormalization", "LRN", "LayerNormalization", "Log", "LogSoftmax",
        "LpNormalization", "Pow", "ReduceL2", "ReduceMean", "ReduceSum", "ReduceSumSquare",
        "Resize", "Softmax", "Softplus", "Sqrt",
    }
)  # fmt: skip
"""Operators that stay in float32."""

_HALF, _SINGLE = DType.FLOAT16, DType.FLOAT32
_LEAST, _MOST = 2.0**-14, 65504.0
"""The smallest and the largest number that float16 holds with all its digits."""


class HalvedSource(NamedTuple):
    """The source of a weight whose elements must stay finite in float16."""

    source: WeightSource
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes as stored."""
        return self.source.shape

    @property
    def dtype(self) -> str:
        """The stored element type."""
        return self.source.dtype

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements as float16, little-endian.

        Raises:
            OutOfRangeError: one of them is not finite.
        """
        for chunk in self.source.chunks(dtype):
            if not np.isfinite(np.frombuffer(chunk, "<f2")).all():
                raise OutOfRangeError(self.name)
            yield chunk


def half(model: ModelDef, *, has_half_io: bool) -> ModelDef:
    """The model in float16.

    Args:
        model: in float32.
        has_half_io: whether its inputs and outputs are float16 as well, else they stay float32.
    """
    return _Halving(model, has_half_io=has_half_io).finish()


@final
class _Halving:
    def __init__(self, model: ModelDef, *, has_half_io: bool) -> None:
        self._model = model
        self._ends = _HALF if has_half_io else _SINGLE
        known = value_types(encode_structure(model))
        self._is_single = {n for n, (code, _) in known.items() if code == ELEMENT_TYPES[_SINGLE]}
        self._is_bytes = {n for n, (code, _) in known.items() if code == ELEMENT_TYPES[DType.UINT8]}
        self._initializers = {i.name: i for i in model.initializers}
        self._is_single |= {i.name for i in model.initializers if i.dtype is _SINGLE}
        self._used: dict[str, InitializerDef] = {}
        self._nodes: list[NodeDef] = []
        self._types: dict[str, DType] = {i.name: self._ends for i in model.inputs}
        self._casts: dict[tuple[str, DType], str] = {}
        self._inner: dict[str, str] = {}
        self._takers: dict[str, set[DType]] = {}
        for node in model.nodes:
            for name in node.inputs:
                self._takers.setdefault(name, set()).add(self._kind(node))

    def finish(self) -> ModelDef:
        outputs = {output.name for output in self._model.outputs}
        for node in self._model.nodes:
            self._add(node, outputs)
        return replace(
            self._model,
            nodes=tuple(self._nodes),
            inputs=tuple(map(self._end, self._model.inputs)),
            outputs=tuple(map(self._end, self._model.outputs)),
            initializers=tuple(self._used.values()),
        )

    def _end(self, value: ValueDef) -> ValueDef:
        if value.dtype is not _SINGLE:
            return value
        return replace(value, dtype=self._ends, encoded=None)

    def _kind(self, node: NodeDef) -> DType:
        """The type that a node computes in, casts of bytes aside."""
        is_wide = node.op_type in NEEDS_RANGE or node.op_type == "Cast"
        return _SINGLE if is_wide or not all(map(self._fits, node.inputs)) else _HALF

    def _fits(self, name: str) -> bool:
        """Whether float16 holds a constant; other values and weights are taken to fit."""
        found = self._initializers.get(name)
        if found is None or found.dtype is not _SINGLE or not isinstance(found.source, bytes):
            return True
        sizes = np.abs(np.frombuffer(found.source, "<f4"))
        sizes = sizes[(sizes > 0) & np.isfinite(sizes)]
        return bool(((sizes >= _LEAST) & (sizes <= _MOST)).all())

    def _is_from_bytes(self, node: NodeDef) -> bool:
        """Whether a node makes numbers of bytes that float16 alone takes: it holds 0 to 255."""
        is_cast = node.op_type == "Cast" and node.inputs[0] in self._is_bytes
        return is_cast and self._takers.get(node.outputs[0]) == {_HALF}

    def _add(self, node: NodeDef, outputs: set[str]) -> None:
        kind = self._kind(node)
        if self._is_from_bytes(node):
            kind = _HALF
            node = replace(node, attributes={**node.attributes, "to": ELEMENT_TYPES[kind]})
        inputs = tuple(self._taken(name, kind) if name else name for name in node.inputs)
        names = []
        for value in node.outputs:
            if value in self._is_single:
                self._types[value] = kind
            needs_cast = value in outputs and value in self._is_single and kind is not self._ends
            names.append(f"{value}/{kind.value}" if needs_cast else value)
            if needs_cast:
                self._inner[value] = names[-1]
        self._nodes.append(replace(node, inputs=inputs, outputs=tuple(names)))
        for value, inner in zip(node.outputs, names, strict=True):
            if inner != value:
                self._nodes.append(_cast(inner, value, self._ends))

    def _taken(self, name: str, kind: DType) -> str:
        """The name of a value, or of an initializer, in the type that a node takes."""
        if name in self._initializers:
            return self._constant(self._initializers[name], kind)
        if name not in self._is_single or self._types[name] is kind:
            return self._inner.get(name, name)
        if (name, kind) not in self._casts:
            cast = f"{name}/{kind.value}"
            self._nodes.append(_cast(self._inner.get(name, name), cast, kind))
            self._casts[name, kind] = cast
        return self._casts[name, kind]

    def _constant(self, initializer: InitializerDef, kind: DType) -> str:
        if initializer.dtype is not _SINGLE:
            self._used[initializer.name] = initializer
            return initializer.name
        other = self._used.get(initializer.name)
        is_first = other is None or other.dtype is kind
        name = initializer.name if is_first else f"{initializer.name}/{kind.value}"
        self._used[name] = _in_type(replace(initializer, name=name), kind)
        return name


def _in_type(initializer: InitializerDef, kind: DType) -> InitializerDef:
    if kind is _SINGLE:
        return initializer
    source = initializer.source
    if isinstance(source, bytes):
        data = bytes(converted_bytes(source, "float32", "float16"))
        return replace(initializer, dtype=kind, source=data)
    return replace(initializer, dtype=kind, source=HalvedSource(source, initializer.name))


def _cast(value: str, to: str, kind: DType) -> NodeDef:
    return NodeDef("Cast", f"{to}/cast", (value,), (to,), {"to": ELEMENT_TYPES[kind]})
