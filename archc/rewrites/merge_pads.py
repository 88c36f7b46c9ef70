"""Merges a pad of zeros into the convolution after it, whose own padding is of zeros as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archc.onnx_io.constants import unpack_float, unpack_integers
from archc.onnx_io.model import InitializerDef, NodeDef
from archc.rewrites.effect import Effect
from archc.rewrites.operators import Operators, joined, main_layer
from archc.shapes.tensor_type import DType


def merge_pads(operators: Operators) -> Iterator[Effect]:
    """Makes pads of zeros around height and width the convolution's own."""
    for node in operators:
        pads = _zeros_around(operators, node)
        taker = operators.only_taker(node.outputs[0])
        if pads is None or taker is None or taker.domain or taker.op_type != "Conv":
            continue
        own = taker.attributes.get("pads", (0, 0, 0, 0))
        if taker.inputs[0] != node.outputs[0] or "auto_pad" in taker.attributes:
            continue
        assert isinstance(own, list | tuple)
        total = [a + b for a, b in zip(pads, own, strict=True)]
        attributes = {**taker.attributes, "pads": total}
        inputs = (node.inputs[0], *taker.inputs[1:])
        name = joined(taker, node)
        new = replace(taker, name=name, inputs=inputs, attributes=attributes)
        operators.merge(node, taker, new)
        yield Effect(node.name, f"into `{main_layer(taker.name)}`")


def _zeros_around(operators: Operators, node: NodeDef) -> list[int] | None:
    """The pads (top, left, bottom, right) of a node that puts zeros around height and width."""
    if node.domain or node.op_type != "Pad" or len(node.inputs) > 3:
        return None
    if node.attributes.get("mode", "constant") != "constant":
        return None
    vector = operators.initializer(node.inputs[1])
    fill = operators.initializer(node.inputs[2]) if len(node.inputs) == 3 else None
    if vector is None or not isinstance(vector.source, bytes) or not _is_zero(fill):
        return None
    pads = unpack_integers(vector.source)
    if len(pads) != 8 or any(pads[:2]) or any(pads[4:6]) or min(pads) < 0:
        return None
    return [*pads[2:4], *pads[6:8]]


def _is_zero(fill: InitializerDef | None) -> bool:
    if fill is None:
        return True
    if not isinstance(fill.source, bytes) or not isinstance(fill.dtype, DType):
        return False
    return fill.dtype.is_float and unpack_float(fill.source, fill.dtype) == 0.0
