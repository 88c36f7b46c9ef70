"""Folds batch norms, scales and shifts into the convolution or dense layer after them.

kernel ∗ (x · factor + summand) + bias = (kernel · factor) ∗ x + (bias + Σ kernel · summand). That
is exact where the convolution puts no zeros around its input: those would have to be changed, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archc.onnx_io.model import NodeDef
from archc.rewrites.effect import Effect
from archc.rewrites.kernels import HAVE_KERNELS, Foldable, affine_input, foldable, kernel_node
from archc.rewrites.operators import Operators, joined, main_layer
from archc.weights.folded import ScaledInputs


def fold_before(operators: Operators) -> Iterator[Effect]:
    """Folds each norm, product and sum into the kernel after it, the last ones first."""
    for node in reversed(list(operators)):
        value = affine_input(operators, node)
        if value is None:
            continue
        found = kernel_after(operators, node)
        if isinstance(found, Foldable):
            kernel = found.kernel
            sizes, groups = kernel.kernel.dims, kernel.groups
            scaled = ScaledInputs(sizes, kernel.source, found.affine, groups)
            bias = found.add_bias(operators, scaled)
            step = found.step(node, bias, is_before=True)
            after, weight = kernel.node, found.add_weight(operators, scaled)
            new = replace(after, name=joined(after, node), inputs=(value, weight, bias))
            operators.merge(node, after, new)
            yield Effect(node.name, f"into `{main_layer(after.name)}`", step)


def kernel_after(operators: Operators, node: NodeDef) -> Foldable | str:
    """The kernel that can take in a node before it, or why none can, in words."""
    value = node.outputs[0]
    if operators.is_kept(value):
        return "what it gives is wanted as it is"
    taker = operators.only_taker(value)
    if taker is None:
        return "what it gives is used more than once"
    layer = main_layer(taker.name)
    if taker.domain or taker.op_type not in HAVE_KERNELS or taker.inputs[0] != value:
        return f"`{layer}`, after it, has no kernel"
    kernel = kernel_node(operators, taker)
    if kernel is None:
        return f"the weights of `{layer}`, after it, are used elsewhere as well"
    if kernel.is_transposed:
        return f"`{layer}`, after it, is a transposed convolution"
    if kernel.is_padded:
        return f"`{layer}`, after it, puts zeros around its input"
    return foldable(operators, node, kernel, kernel.inputs)
