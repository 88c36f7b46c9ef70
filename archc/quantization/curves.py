"""The functions that values alone go through: a range is chosen by what they make of it.

hard_swish(x) = x · max(0, min(1, x/6 + 1/2)), silu(x) = x · sigmoid(x), and the same without the
product. Source: ONNX `HardSwish`, `HardSigmoid`, `Sigmoid` (opset 14).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from archc.onnx_io.model import ModelDef, NodeDef
from archc.quantization.ranges import Function, Numbers
from archc.rewrites.operators import Operators


def functions_behind(model: ModelDef) -> dict[str, Function]:
    """For each value that one function takes and nothing else, that function."""
    operators = Operators(model)
    found = {}
    for node in operators:
        curve = _CURVES.get(node.op_type)
        if curve is None or operators.is_kept(node.inputs[0]):
            continue
        takers = operators.takers(node.inputs[0])
        if len(takers) == 1:
            found[node.inputs[0]] = curve(node)
        elif len(takers) == 2 and any(_multiplies(node, taker) for taker in takers):
            found[node.inputs[0]] = _times_itself(curve(node))
    return found


def _multiplies(gate: NodeDef, node: NodeDef) -> bool:
    """Whether a node multiplies what a gate takes by what it gives."""
    return node.op_type == "Mul" and {*node.inputs} == {gate.inputs[0], gate.outputs[0]}


def _times_itself(gate: Function) -> Function:
    def product(x: Numbers) -> Numbers:
        result: Numbers = x * gate(x)
        return result

    return product


def _ramp(node: NodeDef) -> Function:
    alpha, beta = (node.attributes.get(key, value) for key, value in _RAMP.items())
    assert isinstance(alpha, float)
    assert isinstance(beta, float)

    def gate(x: Numbers) -> Numbers:
        result: Numbers = np.clip(alpha * x + beta, 0, 1)
        return result

    return gate


def _hard_swish(node: NodeDef) -> Function:
    del node
    return _times_itself(lambda x: np.clip(x / 6 + 0.5, 0, 1))


def _sigmoid(node: NodeDef) -> Function:
    del node
    return lambda x: 1 / (1 + np.exp(-np.clip(x, -80, 80)))


_RAMP = {"alpha": 0.2, "beta": 0.5}

_CURVES: Mapping[str, Callable[[NodeDef], Function]] = MappingProxyType(
    {"HardSigmoid": _ramp, "HardSwish": _hard_swish, "Sigmoid": _sigmoid}
)
