"""Ramps from 0 to 1 without arithmetic: hard sigmoid, and hard swish, which multiplies by it.

hard_sigmoid(x) = max(0, min(1, x/6 + 1/2)). Where x is rounded so that −3 is level 0 and 0 is level
z, the steps are 3/z wide, and x/6 + 1/2 is its level divided by 2·z: the same bytes, cut off above
2·z and read with the scale 1/(2·z). What lies below −3 need not be told apart. In float these are
four passes of four bytes an element; here they are one or two of one byte. Source: ONNX
`HardSigmoid` and `HardSwish` (opset 14).
"""

from __future__ import annotations

from archc.onnx_io.model import NodeDef
from archc.quantization.ranges import LAST_LEVEL, Scale
from archc.rewrites.operators import Operators

_START = 3.0
_ALPHA, _BETA = 1 / 6, 0.5


def is_ramp(operators: Operators, node: NodeDef) -> bool:
    """Whether an operator is such a ramp, or multiplies by it, and alone takes what it takes."""
    if operators.only_taker(node.inputs[0]) is None or operators.is_kept(node.outputs[0]):
        return False
    if operators.initializer(node.inputs[0]) is not None:
        return False
    if node.op_type == "HardSigmoid":
        alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
        assert isinstance(alpha, float)
        return abs(alpha - _ALPHA) < 1e-6 and beta == _BETA
    return node.op_type == "HardSwish"


def ramp_scale(most: float) -> Scale:
    """The scale of what a ramp takes: level 0 is −3, and `most` is within it."""
    zero_point = int(LAST_LEVEL * _START / (max(most, 0.0) + _START))
    zero_point = min(max(zero_point, 1), LAST_LEVEL - 1)
    return Scale(_START / zero_point, zero_point)


def most_needed(node: NodeDef, most: float) -> float:
    """The largest number that must be told from smaller ones where a ramp takes it."""
    return min(most, _START) if node.op_type == "HardSigmoid" else most


def top_level(scale: Scale) -> int:
    """The level at which a ramp is 1."""
    return 2 * scale.zero_point


def risen_scale(scale: Scale) -> Scale:
    """The scale of what a hard sigmoid gives, for that of what it takes."""
    return Scale(1 / top_level(scale), 0)
