"""Folds batch norms, scales and shifts into the convolution or dense layer before them.

(kernel ∗ x + bias) · factor + summand = (kernel · factor) ∗ x + (bias · factor + summand), exactly,
where nothing else takes what comes between. Source: Jacob et al., Quantization and Training of
Neural Networks, 2018, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archc.onnx_io.model import NodeDef
from archc.rewrites.effect import Effect
from archc.rewrites.kernels import HAVE_KERNELS, Foldable, affine_input, foldable, kernel_node
from archc.rewrites.operators import Operators, joined, main_layer
from archc.weights.folded import ScaledOutputs


def fold_after(operators: Operators) -> Iterator[Effect]:
    """Folds each norm, product and sum into the kernel before it, the first ones first."""
    for node in operators:
        value = affine_input(operators, node)
        if value is None:
            continue
        found = kernel_before(operators, node, value)
        if isinstance(found, Foldable):
            kernel = found.kernel
            sizes, groups = kernel.kernel.dims, kernel.groups
            scaled = ScaledOutputs(sizes, kernel.source, found.affine, groups, kernel.is_transposed)
            bias = found.add_bias(operators, found.affine)
            step = found.step(node, bias, is_before=False)
            before, weight = kernel.node, found.add_weight(operators, scaled)
            inputs = (before.inputs[0], weight, bias)
            name = joined(before, node)
            new = replace(before, name=name, inputs=inputs, outputs=node.outputs)
            operators.merge(before, node, new)
            yield Effect(node.name, f"into `{main_layer(before.name)}`", step)


def kernel_before(operators: Operators, node: NodeDef, value: str) -> Foldable | str:
    """The kernel that can take in a node that changes `value`, or why none can, in words."""
    giver = operators.giver(value)
    if giver is None:
        return "it stands at the input"
    layer = main_layer(giver.name)
    if giver.domain or giver.op_type not in HAVE_KERNELS:
        return f"`{layer}`, before it, has no kernel"
    if operators.only_taker(value) is None:
        return f"what `{layer}` gives is used elsewhere as well"
    kernel = kernel_node(operators, giver)
    if kernel is None:
        return f"the weights of `{layer}`, before it, are used elsewhere as well"
    return foldable(operators, node, kernel, kernel.outputs)
