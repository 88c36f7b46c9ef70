"""Gives a weight that is reshaped whenever the model runs its last shape in the file.

The elements stay in their order, so nothing is computed: ONNX `Reshape` (opset 13).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from archc.onnx_io.constants import unpack_integers
from archc.rewrites.effect import Effect
from archc.rewrites.operators import Operators


def reshape_weights(operators: Operators) -> Iterator[Effect]:
    """Takes the shape into the weight, where nothing else uses it."""
    for node in operators:
        if node.domain or node.op_type != "Reshape":
            continue
        weight = operators.own_initializer(node.inputs[0])
        shape = operators.initializer(node.inputs[1])
        if weight is None or shape is None or not isinstance(shape.source, bytes):
            continue
        sizes = unpack_integers(shape.source)
        if 0 in sizes or not operators.bypass(node):
            continue
        known = math.prod(size for size in sizes if size > 0)
        dims = tuple(math.prod(weight.dims) // known if size < 0 else size for size in sizes)
        operators.add_initializer(replace(weight, dims=dims), instead_of=weight.name)
        yield Effect(node.name, "into the weight's own shape")
