"""Batch normalization, by the mean and variance of each channel that were seen in training.

    y = (x − running_mean) / sqrt(running_var + eps) · weight + bias

Source: ONNX `BatchNormalization` (opset 9 and 14).
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, final

from annotated_types import Ge, Le
from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.graph.weight import Weight, along_channels
from archc.layers.arguments import (
    InitArgument,
    NaturalNumber,
    known_channels,
    needs_float_channels,
)
from archc.layers.channelwise import with_axis_moved
from archc.shapes.tensor_type import TensorType

AFFINE = Rule(
    "batch_norm/affine",
    "a batch norm is told to learn nothing, and to learn something",
    "`affine` stands for `scale` and `center` together.",
)


@final
class BatchNorm(Layer):
    """A normalization of each channel by the mean and variance seen in training.

    The type stays as it is. The weights are `weight`, `bias`, `running_mean` and `running_var`
    [channels]. Sources: Ioffe and Szegedy, Batch Normalization, 2015; ONNX `BatchNormalization`.

    Attributes:
        eps: what is added to the variance.
        momentum: the weight of the new batch in the running statistics; for training alone.
        affine: whether there is a learned factor and a learned summand a channel.
        scale: whether there is the factor, `weight`.
        center: whether there is the summand, `bias`.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "batch_norm"
    features: ClassVar[Features] = "kept"

    eps: NaturalNumber = 1e-5
    momentum: Annotated[float, Ge(0), Le(1)] = 0.1
    affine: bool = True
    scale: bool = True
    center: bool = True
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-channels, layer/channels-unknown, batch_norm/affine.
        """
        for name, wanted in (("scale", self.scale), ("center", self.center)):
            if not self.affine and wanted and name in self.model_fields_set:
                return check.error(
                    AFFINE,
                    f"`affine: false` stands beside `{name}: true`",
                    at=name,
                    helps=["leave `affine` out, and write `scale` and `center` apart"],
                )
        (x,) = inputs
        channels = needs_float_channels(x, self.op, check)
        return channels if isinstance(channels, Failed) else x

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        count = known_channels(inputs[0]).count
        init = "ones" if self.init is None else self.init
        factor = along_channels("weight", "gamma", count, init)
        summand = along_channels("bias", "beta", count, "zeros")
        return (
            *((factor,) if self._has_scale else ()),
            *((summand,) if self._has_center else ()),
            along_channels("running_mean", "moving_mean", count, "zeros", learned=False),
            along_channels("running_var", "moving_variance", count, "ones", learned=False),
        )

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        channels, rank = known_channels(inputs[0]), inputs[0].rank
        ones, zeros = [1.0] * channels.count, [0.0] * channels.count
        dtype = inputs[0].dtype
        result = emit.node(
            "BatchNormalization",
            [
                with_axis_moved(emit, tensors[0], rank, channels.axis, 1),
                emit.weight("weight") if self._has_scale else emit.constant(ones, dtype),
                emit.weight("bias") if self._has_center else emit.constant(zeros, dtype),
                emit.weight("running_mean"),
                emit.weight("running_var"),
            ],
            epsilon=self.eps,
        )
        return with_axis_moved(emit, result, rank, 1, channels.axis)

    @property
    def _has_scale(self) -> bool:
        return self.affine and self.scale

    @property
    def _has_center(self) -> bool:
        return self.affine and self.center


LAYERS: tuple[type[Layer], ...] = (BatchNorm,)
