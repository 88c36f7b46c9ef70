"""Combines products with fixed numbers that follow each other, and sums; drops those by 1 and of 0.

x · a · b = x · (a·b) and (x + a) + b = x + (a+b); (x + a) · b stays as it is. So do numbers whose
product or sum is beyond float32 or float16: each of them alone is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from archc.onnx_io.constants import pack, unpack_floats
from archc.onnx_io.model import InitializerDef, NodeDef
from archc.rewrites.effect import Effect
from archc.rewrites.kernels import affine_input
from archc.rewrites.operators import Operators, joined, main_layer
from archc.shapes.tensor_type import DType

_LEAST_NORMAL = {DType.FLOAT32: 2.0**-126, DType.FLOAT16: 2.0**-14}
"""Smaller numbers lose digits (IEEE 754)."""


def combine(operators: Operators) -> Iterator[Effect]:
    """Makes one product of two, and one sum of two."""
    for node in operators:
        value, fixed = affine_input(operators, node), _fixed(operators, node)
        if value is None or fixed is None:
            continue
        if _changes_nothing(node, fixed) and operators.bypass(node):
            yield Effect(node.name, "changes nothing")
            continue
        giver = operators.giver(value)
        before = None if giver is None else _fixed(operators, giver)
        if giver is None or before is None or not _go_together(operators, giver, node):
            continue
        both = _combined(before, fixed, is_product=node.op_type == "Mul")
        if both is None:
            continue
        name = operators.add_initializer(both, instead_of=fixed.name)
        inputs = (affine_input(operators, giver) or giver.inputs[0], name)
        new = replace(node, name=joined(node, giver), inputs=inputs)
        operators.merge(giver, node, new)
        yield Effect(giver.name, f"into `{main_layer(node.name)}`")
        if _changes_nothing(new, both) and operators.bypass(new):
            yield Effect(node.name, f"with `{giver.name}` changes nothing")


def _fixed(operators: Operators, node: NodeDef) -> InitializerDef | None:
    """The fixed numbers of a product or a sum that nothing else uses; no weight is fixed."""
    if node.domain or node.op_type not in ("Mul", "Add"):
        return None
    found = [operators.own_initializer(name) for name in node.inputs]
    constants = [i for i in found if i is not None]
    if len(constants) != 1 or not isinstance(constants[0].source, bytes):
        return None
    return constants[0] if constants[0].dtype in _LEAST_NORMAL else None


def _go_together(operators: Operators, giver: NodeDef, node: NodeDef) -> bool:
    if giver.op_type != node.op_type or operators.only_taker(giver.outputs[0]) is None:
        return False
    first, second = _fixed(operators, giver), _fixed(operators, node)
    if first is None or second is None or first.dtype != second.dtype:
        return False
    return first.dims == second.dims or 1 in (math.prod(first.dims), math.prod(second.dims))


def _combined(
    first: InitializerDef, second: InitializerDef, *, is_product: bool
) -> InitializerDef | None:
    """The products or sums of two rows of numbers, one of which may be a single one."""
    assert isinstance(second.dtype, DType)
    dims = max(first.dims, second.dims, key=lambda dims: (math.prod(dims), len(dims)))
    pairs = list(zip(_row(first, dims), _row(second, dims), strict=True))
    found = [a * b if is_product else a + b for a, b in pairs]
    _, data = pack(found, second.dtype)
    least = _LEAST_NORMAL[second.dtype] if is_product else 0.0
    for (a, b), stored in zip(pairs, unpack_floats(data, second.dtype), strict=True):
        is_exactly_zero = is_product and 0.0 in (a, b)
        if not math.isfinite(stored) or (abs(stored) < least and not is_exactly_zero):
            return None
    return InitializerDef(second.name, second.dtype, dims, data)


def _row(fixed: InitializerDef, dims: tuple[int, ...]) -> tuple[float, ...]:
    """The numbers, a single one as often as these sizes want it."""
    assert isinstance(fixed.source, bytes)
    assert isinstance(fixed.dtype, DType)
    row = unpack_floats(fixed.source, fixed.dtype)
    return row * math.prod(dims) if len(row) == 1 else row


def _changes_nothing(node: NodeDef, fixed: InitializerDef) -> bool:
    return _row(fixed, (1,)) == (1.0 if node.op_type == "Mul" else 0.0,)
