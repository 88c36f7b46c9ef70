"""The operators with a kernel, and the products and sums a channel that can be folded into one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from archc.onnx_io.model import InitializerDef, NodeDef
from archc.rewrites.operators import JOINT, Operators
from archc.shapes.tensor_type import DType
from archc.weights.affine import Affine, FixedAffine, NormAffine, Vector
from archc.weights.fold_step import FoldStep, Kind, Numbers
from archc.weights.folded import MovedBias, ScaledInputs


class KernelNode(NamedTuple):
    """A `Conv`, `ConvTranspose` or `Gemm` whose kernel and bias nothing else uses.

    Attributes:
        node: the operator.
        kernel: its initializer, [out, in/groups, …] or transposed [in, out/groups, …].
        bias: its initializer [out], if it has one.
        groups: the parts into which its channels fall.
        is_transposed: whether the kernel has its inputs first.
    """

    node: NodeDef
    kernel: InitializerDef
    bias: InitializerDef | None
    groups: int
    is_transposed: bool

    @property
    def outputs(self) -> int:
        """The channels that come out."""
        return self.kernel.dims[1] * self.groups if self.is_transposed else self.kernel.dims[0]

    @property
    def inputs(self) -> int:
        """The channels that come in."""
        return self.kernel.dims[0] if self.is_transposed else self.kernel.dims[1] * self.groups

    @property
    def rank(self) -> int:
        """The axes of what comes in and out, the batch included."""
        return len(self.kernel.dims)

    @property
    def is_padded(self) -> bool:
        """Whether zeros come in beside the input."""
        pads, auto = self.node.attributes.get("pads"), self.node.attributes.get("auto_pad")
        return bool(auto) or (isinstance(pads, Sequence) and any(pads))


def kernel_node(operators: Operators, node: NodeDef) -> KernelNode | None:
    """The operator as one with a kernel of its own, if it is one."""
    if node.domain or node.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return None
    kernel = operators.own_initializer(node.inputs[1])
    has_bias = len(node.inputs) > 2
    bias = operators.own_initializer(node.inputs[2]) if has_bias else None
    if kernel is None or (has_bias and bias is None) or not _is_float(kernel):
        return None
    if node.op_type == "Gemm" and {**node.attributes} != {"transB": 1}:
        return None
    group = node.attributes.get("group", 1)
    assert isinstance(group, int)
    return KernelNode(node, kernel, bias, group, node.op_type == "ConvTranspose")


def add_bias(operators: Operators, kernel: KernelNode, change: Affine | ScaledInputs) -> str:
    """The name of a new bias of a kernel that takes in summands."""
    old, beside = kernel.bias, kernel.kernel
    moved = MovedBias((kernel.outputs,), None if old is None else vector(old), change)
    if old is not None:
        return operators.add_initializer(replace(old, source=moved), instead_of=old.name)
    new = InitializerDef(bias_name(kernel), beside.dtype, (kernel.outputs,), moved)
    return operators.add_initializer(new)


def fold_step(
    kernel: KernelNode, affine: Affine, node: NodeDef, *, is_before: bool
) -> FoldStep | None:
    """How a node is folded into a kernel; None where no weight is changed by it.

    A fixed kernel is no weight; nor has it a name under which another checkpoint would give it.
    """
    kind: Kind
    vectors: tuple[Vector, ...]
    if isinstance(affine, NormAffine):
        kind = "norm"
        vectors = (affine.weight, affine.bias, affine.mean, affine.variance)
        epsilon = affine.epsilon
    else:
        kind = "sum" if affine.factor is None else "product"
        vectors = tuple(v for v in (affine.factor, affine.summand) if v is not None)
        epsilon = 0.0
    if isinstance(kernel.kernel.source, bytes):
        return None
    return FoldStep(
        layer_of(kernel.node.name), layer_of(node.name), kernel.kernel.name, bias_name(kernel),
        kernel.bias is not None, is_before, kind, tuple(map(_numbers, vectors)),
        affine.channels, epsilon,
        kernel.groups if is_before or kernel.is_transposed else 1, kernel.is_transposed,
    )  # fmt: skip


def can_fold(kernel: KernelNode, affine: Affine) -> bool:
    """Whether a fixed kernel stays fixed: weights must not go into what is no weight."""
    if not isinstance(kernel.kernel.source, bytes):
        return True
    return isinstance(affine, FixedAffine) and not any(
        v.name for v in (affine.factor, affine.summand) if v is not None
    )


def _numbers(of: Vector) -> Numbers:
    if not isinstance(of.source, bytes):
        return of.name
    code, size = ("e", 2) if of.dtype == "float16" else ("f", 4)
    numbers = struct.unpack(f"<{len(of.source) // size}{code}", of.source)
    return numbers[:1] if len({*numbers}) == 1 else numbers


def bias_name(kernel: KernelNode) -> str:
    """The name of the bias of a kernel, or of the one that it would get."""
    layer = layer_of(kernel.node.name)
    return kernel.bias.name if kernel.bias is not None else f"{layer}.bias"


def layer_of(name: str) -> str:
    """The first of the layers that a node does the work of."""
    return name.partition(JOINT)[0].partition("/")[0]


def vector(initializer: InitializerDef) -> Vector:
    """The numbers of an initializer."""
    source = initializer.source
    name = "" if isinstance(source, bytes) else initializer.name
    return Vector(source, initializer.dtype.value, name)


def affine_input(operators: Operators, node: NodeDef) -> str | None:
    """The value that a batch norm, a product or a sum changes; None where it is another node."""
    if node.domain:
        return None
    if node.op_type == "BatchNormalization":
        return node.inputs[0]
    if node.op_type not in ("Mul", "Add"):
        return None
    values = [name for name in node.inputs if operators.initializer(name) is None]
    return values[0] if len(values) == 1 else None


def affine_of(operators: Operators, node: NodeDef, count: int, rank: int) -> Affine | None:
    """What a node does to each of `count` channels, the second of `rank` axes, if it is just that.

    `affine_input` has found the node to be a candidate.
    """
    found = [operators.initializer(name) for name in node.inputs]
    constants = [i for i in found if i is not None]
    if not all(_is_float(i) for i in constants):
        return None
    if node.op_type == "BatchNormalization":
        epsilon = node.attributes.get("epsilon", 1e-5)
        if len(constants) != 4 or not isinstance(epsilon, float):
            return None
        scale, bias, mean, variance = map(vector, constants)
        return NormAffine(scale, bias, mean, variance, epsilon, count)
    if len(constants) != 1 or not goes_along_channels(constants[0].dims, count, rank):
        return None
    numbers = vector(constants[0])
    is_product = node.op_type == "Mul"
    return FixedAffine(numbers if is_product else None, None if is_product else numbers, count)


def goes_along_channels(dims: tuple[int, ...], count: int, rank: int) -> bool:
    """Whether numbers of these sizes are one a channel, or one for all.

    >>> goes_along_channels((64, 1, 1), 64, 4), goes_along_channels((64,), 64, 4)
    (True, False)
    """
    if len(dims) > rank:
        return False
    if all(size == 1 for size in dims):
        return True
    aligned = (1,) * (rank - len(dims)) + dims
    return aligned == (1, count) + (1,) * (rank - 2)


def _is_float(initializer: InitializerDef) -> bool:
    return initializer.dtype in (DType.FLOAT32, DType.FLOAT16)
