"""What no rewrite could fold, and why: layers that are products and sums a channel, and no more."""

from __future__ import annotations

from archc.onnx_io.model import NodeDef
from archc.rewrites.fold_after import kernel_before
from archc.rewrites.fold_before import kernel_after
from archc.rewrites.kernels import affine_input
from archc.rewrites.operators import Operators, main_layer


def left(operators: Operators) -> dict[str, str]:
    """Why each norm, scale or shift stays that is left after all rewrites, by its layer.

    A sum that is part of another layer, such as that of a GELU, is none.
    """
    others = {main_layer(n.name) for n in operators if affine_input(operators, n) is None}
    found: dict[str, str] = {}
    for node in operators:
        layer = main_layer(node.name)
        if layer not in found and layer not in others:
            found[layer] = _why(operators, node)
    return found


def _why(operators: Operators, node: NodeDef) -> str:
    """Why neither what stands before a node takes it in nor what stands behind it.

    Between are further ones of its kind, if need be.
    """
    first = last = node
    while (giver := _affine_giver(operators, first)) is not None:
        first = giver
    while (taker := _affine_taker(operators, last)) is not None:
        last = taker
    before = kernel_before(operators, first, affine_input(operators, first) or "")
    after = kernel_after(operators, last)
    reasons = [reason for reason in (before, after) if isinstance(reason, str)]
    return ", and ".join(reasons)


def _affine_giver(operators: Operators, node: NodeDef) -> NodeDef | None:
    value = affine_input(operators, node)
    giver = None if value is None else operators.giver(value)
    if giver is None or value is None or operators.only_taker(value) is None:
        return None
    return giver if affine_input(operators, giver) is not None else None


def _affine_taker(operators: Operators, node: NodeDef) -> NodeDef | None:
    taker = operators.only_taker(node.outputs[0])
    return taker if taker is not None and affine_input(operators, taker) is not None else None
