"""Softmax and its logarithm along one axis; any axes (N, …), type unchanged."""

from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.layers.arguments import needs_float
from archc.layers.axes import AxisArgument, needs_axis
from archc.shapes.tensor_type import TensorType


class _AlongAxis(Layer):
    """A layer of float numbers that is one ONNX operator along one axis."""

    operator: ClassVar[str]
    features: ClassVar[Features] = "kept"

    axis: AxisArgument = "channels"

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/unknown-axis.
        """
        (x,) = inputs
        failed = needs_float(x, self.op, check)
        if failed:
            return failed
        index = needs_axis(x, self.axis, self.op, check)
        return index if isinstance(index, Failed) else x

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node(self.operator, tensors, axis=output.axis_index(self.axis))


@final
class Softmax(_AlongAxis):
    """y = exp(x) / Σ exp(x), the sum along `axis` of (N, …); in (0, 1), of sum 1 along it.

    Source: ONNX Softmax, from opset 13 on along one axis alone.

    Attributes:
        axis: the axis along which the numbers sum to 1.
    """

    op: ClassVar[str] = "softmax"
    operator: ClassVar[str] = "Softmax"
    is_probability: ClassVar[bool] = True


@final
class LogSoftmax(_AlongAxis):
    """y = x − log Σ exp(x), the sum along `axis` of (N, …); at most 0.

    Source: ONNX LogSoftmax, from opset 13 on along one axis alone.

    Attributes:
        axis: the axis along which the exponentials sum to 1.
    """

    op: ClassVar[str] = "log_softmax"
    operator: ClassVar[str] = "LogSoftmax"


LAYERS: tuple[type[Layer], ...] = (Softmax, LogSoftmax)
