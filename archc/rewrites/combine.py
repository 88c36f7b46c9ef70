"""Combines products with fixed numbers that follow each other, and sums; drops those by 1 and of 0.

x · a · b = x · (a·b) and (x + a) + b = x + (a+b); (x + a) · b stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archc.onnx_io.constants import unpack_float
from archc.onnx_io.model import InitializerDef, NodeDef
from archc.rewrites.effect import Effect
from archc.rewrites.kernels import affine_input, vector
from archc.rewrites.operators import Operators, joined
from archc.shapes.tensor_type import DType
from archc.weights.folded import Combined


def combine(operators: Operators) -> Iterator[Effect]:
    """Makes one product of two, and one sum of two."""
    for node in operators:
        value = affine_input(operators, node)
        numbers = _numbers(operators, node)
        if value is None or numbers is None:
            continue
        if _is_nothing(node, numbers) and operators.bypass(node):
            yield Effect(node.name, "changes nothing")
            continue
        giver = operators.giver(value)
        before = None if giver is None else _numbers(operators, giver)
        if giver is None or before is None or not _go_together(operators, giver, node):
            continue
        sizes = max(before.dims, numbers.dims, key=lambda dims: (max((1, *dims)), len(dims)))
        source = Combined(sizes, vector(before), vector(numbers), node.op_type == "Mul")
        name = operators.add_initializer(
            InitializerDef(numbers.name, numbers.dtype, sizes, source), instead_of=numbers.name
        )
        inputs = (affine_input(operators, giver) or giver.inputs[0], name)
        new = replace(node, name=joined(giver, node), inputs=inputs)
        operators.merge(giver, node, new)
        yield Effect(giver.name, f"into `{node.name}`", into=node.name)


def _numbers(operators: Operators, node: NodeDef) -> InitializerDef | None:
    """The fixed numbers of a product or a sum that nothing else uses; no weight is fixed."""
    if node.domain or node.op_type not in ("Mul", "Add"):
        return None
    found = [operators.own_initializer(name) for name in node.inputs]
    numbers = [i for i in found if i is not None]
    if len(numbers) != 1 or not isinstance(numbers[0].dtype, DType):
        return None
    is_fixed = isinstance(numbers[0].source, bytes | Combined)
    return numbers[0] if is_fixed else None


def _go_together(operators: Operators, giver: NodeDef, node: NodeDef) -> bool:
    if giver.op_type != node.op_type or operators.only_taker(giver.outputs[0]) is None:
        return False
    first, second = _numbers(operators, giver), _numbers(operators, node)
    if first is None or second is None or first.dtype != second.dtype:
        return False
    return first.dims == second.dims or 1 in (_count(first), _count(second))


def _count(numbers: InitializerDef) -> int:
    return max((1, *numbers.dims))


def _is_nothing(node: NodeDef, numbers: InitializerDef) -> bool:
    if _count(numbers) != 1 or not isinstance(numbers.source, bytes):
        return False
    assert isinstance(numbers.dtype, DType)
    neutral = 1.0 if node.op_type == "Mul" else 0.0
    return numbers.dtype.is_float and unpack_float(numbers.source, numbers.dtype) == neutral
