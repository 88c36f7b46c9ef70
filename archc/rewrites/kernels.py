"""The operators with a kernel, and the products and sums a channel that can be folded into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from archc.graph.weight import WeightSource
from archc.onnx_io.constants import pack, unpack_floats
from archc.onnx_io.model import InitializerDef, NodeDef
from archc.rewrites.operators import Operators, main_layer
from archc.shapes.tensor_type import DType
from archc.weights.affine import Affine, FixedAffine, NormAffine, Vector
from archc.weights.fold_step import FoldStep, Kind, Numbers
from archc.weights.folded import MovedBias, ScaledInputs, ScaledOutputs


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
    def is_fixed(self) -> bool:
        """Whether its numbers are those of the spec, and no weights."""
        return isinstance(self.kernel.source, bytes)

    @property
    def source(self) -> WeightSource | bytes:
        """What a recipe is made of: where the weights are, or fixed numbers as float32 bytes."""
        source, dtype = self.kernel.source, self.kernel.dtype
        if not isinstance(source, bytes) or not isinstance(dtype, DType):
            return source
        return pack(unpack_floats(source, dtype), DType.FLOAT32)[1]

    @property
    def is_padded(self) -> bool:
        """Whether zeros come in beside the input."""
        pads, auto = self.node.attributes.get("pads"), self.node.attributes.get("auto_pad")
        return bool(auto) or (isinstance(pads, Sequence) and any(pads))


HAVE_KERNELS = ("Conv", "ConvTranspose", "Gemm")


def kernel_node(operators: Operators, node: NodeDef) -> KernelNode | None:
    """The operator as one with a kernel of its own, if it is one."""
    if node.domain or node.op_type not in HAVE_KERNELS:
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


class Foldable(NamedTuple):
    """A kernel, and what it can take in exactly: a product and a sum a channel."""

    kernel: KernelNode
    affine: Affine

    def add_weight(self, operators: Operators, recipe: ScaledOutputs | ScaledInputs) -> str:
        """The name of the kernel, made by a recipe."""
        old = self.kernel.kernel
        new = replace(old, source=self._settled(recipe))
        return operators.add_initializer(new, instead_of=old.name)

    def add_bias(self, operators: Operators, change: Affine | ScaledInputs) -> str:
        """The name of a new bias of the kernel, which takes in summands."""
        old, beside, count = self.kernel.bias, self.kernel.kernel, self.kernel.outputs
        recipe = MovedBias((count,), None if old is None else vector(old), change)
        source = self._settled(recipe)
        if old is not None:
            return operators.add_initializer(replace(old, source=source), instead_of=old.name)
        layer = main_layer(self.kernel.node.name)
        name = f"{layer}/bias" if self.kernel.is_fixed else f"{layer}.bias"
        return operators.add_initializer(InitializerDef(name, beside.dtype, (count,), source))

    def _settled(self, recipe: ScaledOutputs | ScaledInputs | MovedBias) -> WeightSource | bytes:
        """A recipe for weights; of fixed numbers, which are few, what comes of it."""
        if not self.kernel.is_fixed:
            return recipe
        return b"".join(map(bytes, recipe.chunks(self.kernel.kernel.dtype.value)))

    def step(self, node: NodeDef, bias: str, *, is_before: bool) -> FoldStep | None:
        """How a node is folded into the kernel; None where no weight is changed by it.

        A fixed kernel is no weight; nor has it a name under which another checkpoint would give it.

        Args:
            node: the norm, the product or the sum.
            bias: the name that `add_bias` has given.
            is_before: whether it stands before the kernel.
        """
        kernel, affine = self
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
        if kernel.is_fixed:
            return None
        return FoldStep(
            main_layer(kernel.node.name), main_layer(node.name), kernel.kernel.name, bias,
            kernel.bias is not None, is_before, kind, tuple(map(_recorded, vectors)),
            affine.channels, epsilon,
            kernel.groups if is_before or kernel.is_transposed else 1, kernel.is_transposed,
        )  # fmt: skip


def foldable(operators: Operators, node: NodeDef, kernel: KernelNode, count: int) -> Foldable | str:
    """What a kernel can take in of a node that stands beside it, or why it cannot, in words.

    Args:
        operators: the model.
        node: what `affine_input` has found to be a candidate.
        kernel: the kernel before or after it.
        count: the channels between the two.
    """
    affine, layer = affine_of(operators, node, count, kernel.rank), main_layer(kernel.node.name)
    if affine is None:
        return f"its numbers are not one a channel of `{layer}`"
    if kernel.is_fixed and (isinstance(affine, NormAffine) or _has_weights(affine)):
        return f"the kernel of `{layer}` is fixed, and takes in no weights"
    return Foldable(kernel, affine)


def _has_weights(affine: FixedAffine) -> bool:
    return any(v.name for v in (affine.factor, affine.summand) if v is not None)


def _recorded(of: Vector) -> Numbers:
    """The name of a weight, or the fixed numbers, one for all where they are the same."""
    if not isinstance(of.source, bytes):
        return of.name
    numbers = unpack_floats(of.source, DType(of.dtype))
    return numbers[:1] if len({*numbers}) == 1 else numbers


def vector(initializer: InitializerDef) -> Vector:
    """The numbers of an initializer."""
    source = initializer.source
    name = "" if isinstance(source, bytes) else initializer.name
    return Vector(source, initializer.dtype.value, name)


def affine_input(operators: Operators, node: NodeDef) -> str | None:
    """The value that a batch norm, a product or a sum changes; None where it is another node."""
    if node.domain or node.op_type not in ("BatchNormalization", "Mul", "Add"):
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
