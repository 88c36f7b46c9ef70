"""Layers that calculate each element from the element alone, whatever the axes."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from typing_extensions import override

from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Attribute, Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.layers.arguments import needs_float
from archc.shapes.tensor_type import TensorType


class Pointwise(Layer):
    """A layer of float numbers whose output has the type of its input."""

    features: ClassVar[Features] = "kept"

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float.
        """
        (x,) = inputs
        return needs_float(x, self.op, check) or x


class PointwiseOperator(Pointwise):
    """A pointwise layer that is one ONNX operator of one input.

    Class traits:
        operator: the ONNX operator.
    """

    operator: ClassVar[str]

    def attributes(self) -> Mapping[str, Attribute]:
        """The operator's attributes for this layer's arguments."""
        return {}

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node(self.operator, tensors, **self.attributes())
