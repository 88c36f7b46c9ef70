"""Rectifiers: y = f(x) elementwise, f near the identity above 0; any axes (N, …), type unchanged.

The formulas are those of the ONNX operators that they are written as; sources are given at each.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Attribute, Emitter, Tensor
from archc.graph.layer import Check, Layer
from archc.graph.weight import KerasForm, Weight, along_channels
from archc.layers.arguments import InitArgument, Number, needs_channels
from archc.layers.pointwise import Pointwise, PointwiseOperator
from archc.shapes.tensor_type import CHANNELS, DType, TensorType


@final
class Relu(PointwiseOperator):
    """y = max(x, 0), elementwise over any axes (N, …).

    Source: ONNX Relu; Nair & Hinton, Rectified linear units improve restricted Boltzmann machines,
    2010.
    """

    op: ClassVar[str] = "relu"
    operator: ClassVar[str] = "Relu"


@final
class Relu6(Pointwise):
    """y = min(max(x, 0), 6), elementwise over any axes (N, …).

    Source: ONNX Clip; Howard et al., MobileNets, 2017.
    """

    op: ClassVar[str] = "relu6"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        zero, six = emit.constant(0.0, output.dtype), emit.constant(6.0, output.dtype)
        return emit.node("Clip", [tensors[0], zero, six])


@final
class LeakyRelu(PointwiseOperator):
    """y = x where x ≥ 0, else slope · x, elementwise over any axes (N, …).

    Source: ONNX LeakyRelu; Maas et al., Rectifier nonlinearities improve neural network acoustic
    models, 2013.

    Attributes:
        slope: the factor below 0.
    """

    op: ClassVar[str] = "leaky_relu"
    operator: ClassVar[str] = "LeakyRelu"

    slope: Number = 0.01

    @override
    def attributes(self) -> Mapping[str, Attribute]:
        return {"alpha": self.slope}


@final
class Prelu(Pointwise):
    """y = x where x ≥ 0, else weight · x; the slope is learned, one a channel of (N, C, …).

    `weight` [channels], or [1] where `shared`. Source: ONNX PRelu; He et al., Delving deep into
    rectifiers, 2015.

    Attributes:
        shared: whether one slope serves all channels.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "prelu"

    shared: bool = False
    init: InitArgument = 0.25

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-channels, layer/channels-unknown.
        """
        found = super().infer(inputs, check)
        if isinstance(found, Failed) or self.shared:
            return found
        channels = needs_channels(found, self.op, check)
        return channels if isinstance(channels, Failed) else found

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        (x,) = inputs
        count = 1 if self.shared else x.axes[_channel_axis(x) - 1].size
        assert isinstance(count, int), "infer demands a number of channels"
        if self.shared:
            return (Weight("weight", (1,), self.init, keras=KerasForm(("alpha",), (1,), (0,))),)
        return (along_channels("weight", "alpha", count, self.init),)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        slope = emit.weight("weight")
        if not self.shared and _channel_axis(output) < output.rank - 1:
            # ONNX lines a slope up with the last axes
            new_axes = list(range(1, output.rank - _channel_axis(output)))
            slope = emit.node("Unsqueeze", [slope, emit.constant(new_axes, DType.INT64)])
        return emit.node("PRelu", [tensors[0], slope])


def _channel_axis(x: TensorType) -> int:
    axis = x.axis_index(CHANNELS)
    assert axis is not None, "infer demands channels"
    return axis


@final
class Elu(PointwiseOperator):
    """y = x where x ≥ 0, else alpha · (exp(x) − 1), elementwise over any axes (N, …).

    Source: ONNX Elu; Clevert et al., Fast and accurate deep network learning by exponential linear
    units, 2015.

    Attributes:
        alpha: minus the limit far below 0.
    """

    op: ClassVar[str] = "elu"
    operator: ClassVar[str] = "Elu"

    alpha: Number = 1.0

    @override
    def attributes(self) -> Mapping[str, Attribute]:
        return {"alpha": self.alpha}


@final
class Selu(PointwiseOperator):
    """y = 1.0507 · (x where x > 0, else 1.6733 · (exp(x) − 1)), elementwise over any axes (N, …).

    Source: ONNX Selu, with its default constants; Klambauer et al., Self-normalizing neural
    networks, 2017.
    """

    op: ClassVar[str] = "selu"
    operator: ClassVar[str] = "Selu"


LAYERS: tuple[type[Layer], ...] = (Relu, Relu6, LeakyRelu, Prelu, Elu, Selu)
