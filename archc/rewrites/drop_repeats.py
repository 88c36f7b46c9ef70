"""Drops operators that change nothing behind the one before them.

A ReLU after what is never negative, a flatten after a flatten, an operator that is its own
repetition.
"""

from __future__ import annotations

from collections.abc import Iterator

from archc.onnx_io.constants import unpack_float
from archc.onnx_io.model import NodeDef
from archc.rewrites.effect import Effect
from archc.rewrites.operators import Operators
from archc.shapes.tensor_type import DType

_NEVER_NEGATIVE = frozenset({"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus"})
_KEEPS_SIGNS = frozenset(
    {"MaxPool", "GlobalMaxPool", "GlobalAveragePool", "Flatten", "Transpose", "DepthToSpace"}
)
_IS_ITS_OWN_REPETITION = frozenset({"Relu", "Clip", "Flatten"})


def drop_repeats(operators: Operators) -> Iterator[Effect]:
    """Drops what a value has gone through already."""
    for node in operators:
        giver = operators.giver(node.inputs[0]) if node.inputs else None
        if giver is None or node.domain or giver.domain:
            continue
        if not (_repeats(operators, giver, node) or _is_spare_relu(operators, giver, node)):
            continue
        if operators.bypass(node):
            yield Effect(node.name, f"does nothing behind `{giver.name}`")


def _repeats(operators: Operators, giver: NodeDef, node: NodeDef) -> bool:
    return (
        node.op_type in _IS_ITS_OWN_REPETITION
        and giver.op_type == node.op_type
        and {**giver.attributes} == {**node.attributes}
        and _constants(operators, giver) == _constants(operators, node)
    )


def _constants(operators: Operators, node: NodeDef) -> list[object]:
    """What a node takes beside its first input: the elements of constants, the names of others."""
    found = [(name, operators.initializer(name)) for name in node.inputs[1:]]
    return [i.source if i is not None and isinstance(i.source, bytes) else n for n, i in found]


def _is_spare_relu(operators: Operators, giver: NodeDef | None, node: NodeDef) -> bool:
    if node.op_type != "Relu":
        return False
    while giver is not None and not giver.domain and giver.op_type in _KEEPS_SIGNS:
        giver = operators.giver(giver.inputs[0])
    if giver is None or giver.domain:
        return False
    return giver.op_type in _NEVER_NEGATIVE or _clips_below_zero(operators, giver)


def _clips_below_zero(operators: Operators, node: NodeDef) -> bool:
    if node.op_type != "Clip" or len(node.inputs) < 2:
        return False
    least = operators.initializer(node.inputs[1])
    if least is None or not isinstance(least.source, bytes) or not isinstance(least.dtype, DType):
        return False
    return least.dtype.is_float and unpack_float(least.source, least.dtype) >= 0
