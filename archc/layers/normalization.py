"""Normalizations of a sample by itself.

    y = (x − mean) / sqrt(variance + eps) · weight + bias

Mean and variance are those over a channel (`instance_norm`), over a group of channels
(`group_norm`), or over all channels at one position (`layer_norm`); the variance is the mean of the
squared differences. Weights go along the channels. `local_response_norm` divides by the size of
neighbouring channels instead. Sources: ONNX `InstanceNormalization` (opset 6),
`LayerNormalization` (17), `GroupNormalization` (21) and `LRN` (13).
"""

from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.graph.weight import Weight, along_channels
from archc.layers.arguments import (
    Channels,
    InitArgument,
    NaturalNumber,
    Number,
    Positive,
    known_channels,
    needs_float,
    needs_float_channels,
    needs_image,
)
from archc.layers.channelwise import weight_along, with_axis_moved
from archc.shapes.tensor_type import DType, TensorType

GROUPS = Rule(
    "group_norm/groups",
    "the groups of a group norm do not divide its channels",
    "Each group is an equal share of the channels.",
)
EVEN_SIZE = Rule(
    "local_response_norm/even-size",
    "a local response norm goes over an even number of channels",
    "The channels that it sums lie around the one it divides, as many on either side.",
)

LAYER_NORMALIZATION_OPSET = 17
GROUP_NORMALIZATION_OPSET = 21


@final
class LayerNorm(Layer):
    """A normalization over all channels, at each position by itself, wherever that axis stands.

    The type stays as it is. The weights are `weight` and `bias` [channels]. Sources: Ba et al.,
    Layer Normalization, 2016; ONNX `LayerNormalization`.

    Attributes:
        eps: what is added to the variance.
        affine: whether there is a learned factor and a learned summand a channel.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "layer_norm"
    features: ClassVar[Features] = "kept"

    eps: NaturalNumber = 1e-5
    affine: bool = True
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-channels, layer/channels-unknown.
        """
        (x,) = inputs
        channels = needs_float_channels(x, self.op, check)
        return channels if isinstance(channels, Failed) else x

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        return _affine_weights(inputs[0], self.init, affine=self.affine)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        x, channels = inputs[0], known_channels(inputs[0])
        if emit.opset < LAYER_NORMALIZATION_OPSET:
            return self._by_arithmetic(emit, tensors[0], x, channels)
        last = x.rank - 1
        image = with_axis_moved(emit, tensors[0], x.rank, channels.axis, last)
        factor, summand = _affine_operands(emit, x, channels.count, affine=self.affine)
        result = emit.node(
            "LayerNormalization",
            [image, factor, summand if self.affine else None],
            axis=-1,
            epsilon=self.eps,
        )
        return with_axis_moved(emit, result, x.rank, last, channels.axis)

    def _by_arithmetic(
        self, emit: Emitter, tensor: Tensor, x: TensorType, channels: Channels
    ) -> Tensor:
        """The definition itself, in float32, since squares leave the range of float16."""
        is_half = x.dtype is DType.FLOAT16
        single = emit.node("Cast", [tensor], to=1) if is_half else tensor
        mean = emit.node("ReduceMean", [single], axes=[channels.axis], keepdims=1)
        centred = emit.node("Sub", [single, mean])
        squares = emit.node("Mul", [centred, centred])
        variance = emit.node("ReduceMean", [squares], axes=[channels.axis], keepdims=1)
        shifted = emit.node("Add", [variance, emit.constant(self.eps, DType.FLOAT32)])
        result = emit.node("Div", [centred, emit.node("Sqrt", [shifted])])
        if is_half:
            result = emit.node("Cast", [result], to=10)
        if not self.affine:
            return result
        factor = weight_along(emit, emit.weight("weight"), channels, x)
        summand = weight_along(emit, emit.weight("bias"), channels, x)
        return emit.node("Add", [emit.node("Mul", [result, factor]), summand])


@final
class InstanceNorm(Layer):
    """A normalization of each channel over its height and width.

    The type stays as it is. The weights are `weight` and `bias` [channels]. Sources: Ulyanov et
    al., Instance Normalization, 2016; ONNX `InstanceNormalization`.

    Attributes:
        eps: what is added to the variance.
        affine: whether there is a learned factor and a learned summand a channel.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "instance_norm"

    eps: NaturalNumber = 1e-5
    affine: bool = False
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-image, layer/channels-unknown.
        """
        (x,) = inputs
        failed = needs_image(x, self.op, check)
        channels = failed or needs_float_channels(x, self.op, check)
        return channels if isinstance(channels, Failed) else x

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        return _affine_weights(inputs[0], self.init, affine=self.affine)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        count = known_channels(inputs[0]).count
        operands = _affine_operands(emit, inputs[0], count, affine=self.affine)
        return emit.node("InstanceNormalization", [tensors[0], *operands], epsilon=self.eps)


@final
class GroupNorm(Layer):
    """A normalization of each group of channels over all its channels and positions.

    The type stays as it is. The weights are `weight` and `bias` [channels]. Sources: Wu and He,
    Group Normalization, 2018; ONNX `GroupNormalization`.

    Attributes:
        groups: the parts into which the channels fall.
        eps: what is added to the variance.
        affine: whether there is a learned factor and a learned summand a channel.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "group_norm"

    groups: Positive
    eps: NaturalNumber = 1e-5
    affine: bool = True
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-image, layer/needs-channels,
            layer/channels-unknown, group_norm/groups.
        """
        (x,) = inputs
        failed = needs_image(x, self.op, check) if x.rank > 2 else None
        channels = failed or needs_float_channels(x, self.op, check)
        if isinstance(channels, Failed):
            return channels
        count = channels.count
        if count % self.groups:
            best = max(d for d in range(1, min(self.groups, count) + 1) if count % d == 0)
            return check.error(
                GROUPS,
                f"`groups: {self.groups}` does not divide {count} channels",
                at="groups",
                axis=0,
                helps=[f"take a divisor of {count}, for example {best}"],
            )
        return x

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        return _affine_weights(inputs[0], self.init, affine=self.affine)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        x, channels = inputs[0], known_channels(inputs[0])
        if emit.opset >= GROUP_NORMALIZATION_OPSET:
            operands = _affine_operands(emit, x, channels.count, affine=self.affine)
            return emit.node(
                "GroupNormalization",
                [tensors[0], *operands],
                num_groups=self.groups,
                epsilon=self.eps,
            )
        grouped = emit.constant([0, self.groups, -1], DType.INT64)
        ones, zeros = [1.0] * self.groups, [0.0] * self.groups
        rows = emit.node(
            "InstanceNormalization",
            [
                emit.node("Reshape", [tensors[0], grouped]),
                emit.constant(ones, x.dtype),
                emit.constant(zeros, x.dtype),
            ],
            epsilon=self.eps,
        )
        result = emit.node("Reshape", [rows, _shape_of(emit, x)])
        if not self.affine:
            return result
        factor = weight_along(emit, emit.weight("weight"), channels, x)
        summand = weight_along(emit, emit.weight("bias"), channels, x)
        return emit.node("Add", [emit.node("Mul", [result, factor]), summand])


@final
class LocalResponseNorm(Layer):
    """A division of each element by its size together with that of its neighbouring channels.

    y = x / (k + alpha / size · Σ x²)^beta, the sum over the `size` channels around, at the same
    position, as many as there are. The type stays as it is. Sources: Krizhevsky et al., ImageNet
    Classification with Deep Convolutional Neural Networks, 2012; ONNX `LRN`.

    Attributes:
        size: the channels that are summed, an odd number.
        alpha: the weight of the mean of their squares, times `size`.
        beta: the exponent.
        k: what is added.
    """

    op: ClassVar[str] = "local_response_norm"

    size: Positive
    alpha: Number = 1e-4
    beta: Number = 0.75
    k: Number = 1.0

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-image, local_response_norm/even-size.
        """
        (x,) = inputs
        failed = self.check_arguments(check) or needs_float(x, self.op, check)
        return failed or needs_image(x, self.op, check) or x

    @override
    def check_arguments(self, check: Check) -> Failed | None:
        """What is wrong with the window.

        Reports: local_response_norm/even-size.
        """
        if self.size % 2:
            return None
        return check.error(
            EVEN_SIZE,
            f"`size: {self.size}` is even",
            at="size",
            helps=[f"take an odd number, such as {self.size + 1}"],
        )

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node(
            "LRN", tensors, size=self.size, alpha=self.alpha, beta=self.beta, bias=self.k
        )


def _affine_weights(
    x: TensorType, init: InitArgument | None, *, affine: bool
) -> tuple[Weight, ...]:
    if not affine:
        return ()
    count = known_channels(x).count
    factor = along_channels("weight", "gamma", count, "ones" if init is None else init)
    return factor, along_channels("bias", "beta", count, "zeros")


def _affine_operands(
    emit: Emitter, x: TensorType, count: int, *, affine: bool
) -> tuple[Tensor, Tensor]:
    """Factor and summand [channels]; ONNX wants them even where nothing is learned."""
    if affine:
        return emit.weight("weight"), emit.weight("bias")
    return emit.constant([1.0] * count, x.dtype), emit.constant([0.0] * count, x.dtype)


def _shape_of(emit: Emitter, x: TensorType) -> Tensor:
    """The shape of x for a Reshape, where 0 keeps the batch axis."""
    sizes = [size for size in x.sizes if isinstance(size, int)]
    if len(sizes) == len(x.sizes):
        return emit.constant([0, *sizes], DType.INT64)
    return emit.shape([None, *x.sizes])


LAYERS: tuple[type[Layer], ...] = (LayerNorm, InstanceNorm, GroupNorm, LocalResponseNorm)
