"""Smooth activations and their piecewise forms: y = f(x) elementwise; any axes, type unchanged.

Each is written in the ONNX form that ONNX Runtime runs fastest: the operator where it has a kernel
of its own, else the pattern that it fuses.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.graph.emitter import Attribute, Emitter, Tensor
from archc.graph.layer import Layer
from archc.layers.pointwise import Pointwise, PointwiseOperator
from archc.shapes.tensor_type import TensorType


@final
class Sigmoid(PointwiseOperator):
    """y = 1 / (1 + exp(−x)), in (0, 1), elementwise over any axes (N, …).

    Source: ONNX Sigmoid.
    """

    op: ClassVar[str] = "sigmoid"
    operator: ClassVar[str] = "Sigmoid"


_HARD_SIGMOID: Mapping[str, Attribute] = {"alpha": 1 / 6, "beta": 0.5}


@final
class HardSigmoid(PointwiseOperator):
    """y = clip(x / 6 + 1 / 2, 0, 1), elementwise over any axes (N, …).

    Source: ONNX HardSigmoid with alpha 1/6, where its own default is 1/5; Howard et al., Searching
    for MobileNetV3, 2019.
    """

    op: ClassVar[str] = "hard_sigmoid"
    operator: ClassVar[str] = "HardSigmoid"

    @override
    def attributes(self) -> Mapping[str, Attribute]:
        return _HARD_SIGMOID


@final
class Tanh(PointwiseOperator):
    """y = tanh(x), in (−1, 1), elementwise over any axes (N, …).

    Source: ONNX Tanh.
    """

    op: ClassVar[str] = "tanh"
    operator: ClassVar[str] = "Tanh"


@final
class Silu(Pointwise):
    """y = x · sigmoid(x), elementwise over any axes (N, …); also called swish.

    Source: ONNX Sigmoid and Mul; Elfwing et al., Sigmoid-weighted linear units, 2017.
    """

    op: ClassVar[str] = "silu"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        # not Swish (opset 24): ONNX Runtime expands that slowly, and fuses this
        return emit.node("Mul", [tensors[0], emit.node("Sigmoid", tensors)])


@final
class HardSwish(Pointwise):
    """y = x · clip(x / 6 + 1 / 2, 0, 1), elementwise over any axes (N, …).

    Source: ONNX HardSwish; Howard et al., Searching for MobileNetV3, 2019.
    """

    op: ClassVar[str] = "hard_swish"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if emit.opset >= 14:
            return emit.node("HardSwish", tensors)
        return emit.node("Mul", [tensors[0], emit.node("HardSigmoid", tensors, **_HARD_SIGMOID)])


@final
class Gelu(Pointwise):
    """y = x · Φ(x), Φ the standard normal distribution, elementwise over any axes (N, …).

    Exactly, x / 2 · (1 + erf(x / √2)); where `approximate`, x / 2 · (1 + tanh(√(2/π) · (x +
    0.044715 · x³))). Source: ONNX Gelu; Hendrycks & Gimpel, Gaussian error linear units, 2016.

    Attributes:
        approximate: whether the form with tanh takes the place of the exact one.
    """

    op: ClassVar[str] = "gelu"

    approximate: bool = False

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        (x,) = tensors
        if emit.opset >= 20:
            return emit.node("Gelu", [x], approximate="tanh" if self.approximate else "none")

        def number(value: float) -> Tensor:
            return emit.constant(value, output.dtype)

        if self.approximate:
            cube = emit.node("Mul", [emit.node("Mul", [x, x]), x])
            inner = emit.node("Add", [x, emit.node("Mul", [cube, number(0.044715)])])
            scaled = emit.node("Mul", [inner, number(math.sqrt(2 / math.pi))])
            bent = emit.node("Tanh", [scaled])
        else:  # in the order that ONNX Runtime fuses
            bent = emit.node("Erf", [emit.node("Div", [x, number(math.sqrt(2))])])
        doubled = emit.node("Mul", [x, emit.node("Add", [bent, number(1.0)])])
        return emit.node("Mul", [doubled, number(0.5)])


@final
class Mish(Pointwise):
    """y = x · tanh(log(1 + exp(x))), elementwise over any axes (N, …).

    Source: ONNX Mish; Misra, Mish: a self regularized non-monotonic activation function, 2019.
    """

    op: ClassVar[str] = "mish"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if emit.opset >= 18:
            return emit.node("Mish", tensors)
        gate = emit.node("Tanh", [emit.node("Softplus", tensors)])
        return emit.node("Mul", [tensors[0], gate])


@final
class Softplus(PointwiseOperator):
    """y = log(1 + exp(x)), above 0, elementwise over any axes (N, …).

    Source: ONNX Softplus; Dugas et al., Incorporating second-order functional knowledge, 2000.
    """

    op: ClassVar[str] = "softplus"
    operator: ClassVar[str] = "Softplus"


LAYERS: tuple[type[Layer], ...] = (
    Sigmoid,
    HardSigmoid,
    Tanh,
    Silu,
    HardSwish,
    Gelu,
    Mish,
    Softplus,
)
