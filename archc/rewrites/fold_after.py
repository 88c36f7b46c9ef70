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
from archc.rewrites.kernels import (
    KernelNode,
    add_bias,
    affine_input,
    affine_of,
    can_fold,
    fold_step,
    kernel_node,
)
from archc.rewrites.operators import Operators, joined
from archc.weights.affine import Affine
from archc.weights.folded import ScaledOutputs


def fold_after(operators: Operators) -> Iterator[Effect]:
    """Folds each norm, product and sum into the kernel before it, the first ones first."""
    for node in operators:
        value = affine_input(operators, node)
        if value is None or operators.initializer(value) is not None:
            continue
        giver = operators.giver(value)
        kernel = None if giver is None else kernel_node(operators, giver)
        reason = _obstacle(operators, value, giver, kernel)
        affine = None
        if kernel is not None and reason is None:
            affine = affine_of(operators, node, kernel.outputs, kernel.rank)
        if kernel is not None and affine is not None and can_fold(kernel, affine):
            step, into = fold_step(kernel, affine, node, is_before=False), kernel.node.name
            operators.merge(kernel.node, node, _folded(operators, kernel, node, affine))
            yield Effect(node.name, f"into `{into}`", into=into, step=step)
        elif reason is not None and node.op_type == "BatchNormalization":
            yield Effect(node.name, reason, is_left=True)


def _obstacle(
    operators: Operators, value: str, giver: NodeDef | None, kernel: KernelNode | None
) -> str | None:
    """Why what gives a value cannot take in what follows, in words."""
    if giver is None:
        return "it stands at the input"
    if giver.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return f"`{giver.name}`, before it, has no kernel"
    if operators.only_taker(value) is None:
        return f"what `{giver.name}` gives is used elsewhere as well"
    return None if kernel is not None else f"the weights of `{giver.name}` are used elsewhere"


def _folded(operators: Operators, kernel: KernelNode, node: NodeDef, affine: Affine) -> NodeDef:
    old = kernel.kernel
    scaled = ScaledOutputs(old.dims, old.source, affine, kernel.groups, kernel.is_transposed)
    weight = operators.add_initializer(replace(old, source=scaled), instead_of=old.name)
    bias = add_bias(operators, kernel, affine)
    name = joined(kernel.node, node)
    inputs = (kernel.node.inputs[0], weight, bias)
    return replace(kernel.node, name=name, inputs=inputs, outputs=node.outputs)
