"""Folds batch norms, scales and shifts into the convolution or dense layer after them.

kernel ∗ (x · factor + summand) + bias = (kernel · factor) ∗ x + (bias + Σ kernel · summand). That
is exact where the convolution puts no zeros around its input: those would have to be changed, too.
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
from archc.weights.folded import ScaledInputs


def fold_before(operators: Operators) -> Iterator[Effect]:
    """Folds each norm, product and sum into the kernel after it, the last ones first."""
    for node in reversed(list(operators)):
        value = affine_input(operators, node)
        taker = operators.only_taker(node.outputs[0])
        if value is None or taker is None or taker.inputs[0] != node.outputs[0]:
            continue
        kernel = kernel_node(operators, taker)
        if kernel is None or kernel.is_transposed or kernel.is_padded:
            continue
        affine = affine_of(operators, node, kernel.inputs, kernel.rank)
        if affine is not None and can_fold(kernel, affine):
            step = fold_step(kernel, affine, node, is_before=True)
            operators.merge(node, taker, _folded(operators, kernel, node, affine, value))
            yield Effect(node.name, f"into `{taker.name}`", into=taker.name, step=step)


def _folded(
    operators: Operators, kernel: KernelNode, node: NodeDef, affine: Affine, value: str
) -> NodeDef:
    old = kernel.kernel
    scaled = ScaledInputs(old.dims, old.source, affine, kernel.groups)
    bias = add_bias(operators, kernel, scaled)
    weight = operators.add_initializer(replace(old, source=scaled), instead_of=old.name)
    name = joined(node, kernel.node)
    return replace(kernel.node, name=name, inputs=(value, weight, bias))
