"""Elements moved between channels and space, or among channels. None changes; any element type."""

from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer
from archc.layers.arguments import Positive, needs_channels, needs_image
from archc.shapes.size import floor_div, scale
from archc.shapes.tensor_type import CHANNELS, DType, TensorType

CHANNELS_DO_NOT_DIVIDE = Rule(
    "depth_to_space/channels",
    "the square of the factor does not divide the channels",
    "Each position becomes factor · factor positions, whose elements come from as many channels.",
)
SPACE_DOES_NOT_DIVIDE = Rule(
    "space_to_depth/sizes",
    "the factor does not divide the height or the width",
    "Blocks of factor · factor positions become one, so they must cover the image exactly.",
)
GROUPS_DO_NOT_DIVIDE = Rule(
    "channel_shuffle/groups",
    "the groups do not divide the channels",
    "Each group has the same number of channels.",
)


@final
class DepthToSpace(Layer):
    """(N, C·f·f, H, W) to (N, C, H·f, W·f), f the `factor`: channels become positions.

    y[c, h·f + i, w·f + j] = x[c·f·f + i·f + j, h, w]: the blocks of one output channel stand
    together, as in torch's PixelShuffle. Source: ONNX DepthToSpace in mode CRD; Shi et al.,
    Real-time single image and video super-resolution, 2016.

    Attributes:
        factor: the height and width of the block that one position becomes.
    """

    op: ClassVar[str] = "depth_to_space"

    factor: Positive

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type with fewer channels and more positions.

        Reports: layer/needs-image, depth_to_space/channels.
        """
        (x,) = inputs
        failed = needs_image(x, self.op, check)
        if failed:
            return failed
        channels, height, width = x.sizes
        block = self.factor**2
        message = f"`factor: {self.factor}` makes blocks of {block}, but the input has {channels} "
        failed = check.divisible(
            channels, block, CHANNELS_DO_NOT_DIVIDE, f"{message}channels", at="factor"
        )
        return failed or TensorType.image(
            x.dtype,
            floor_div(channels, block),
            scale(height, self.factor),
            scale(width, self.factor),
        )

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if self.factor == 1:
            return tensors[0]
        return emit.node("DepthToSpace", tensors, blocksize=self.factor, mode="CRD")


@final
class SpaceToDepth(Layer):
    """(N, C, H·f, W·f) to (N, C·f·f, H, W), f the `factor`: the exact inverse of `depth_to_space`.

    y[c·f·f + i·f + j, h, w] = x[c, h·f + i, w·f + j], as torch's PixelUnshuffle. Source: ONNX
    SpaceToDepth, which orders channels [f, f, C], and ONNX Gather, which makes them [C, f, f].

    Attributes:
        factor: the height and width of the block that becomes one position.
    """

    op: ClassVar[str] = "space_to_depth"

    factor: Positive

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type with more channels and fewer positions.

        Reports: layer/needs-image, layer/channels-unknown, space_to_depth/sizes.
        """
        (x,) = inputs
        failed = needs_image(x, self.op, check)
        if failed:
            return failed
        channels = needs_channels(x, self.op, check)
        if isinstance(channels, Failed):
            return channels
        for axis in x.axes[1:]:
            message = f"`factor: {self.factor}` does not divide the {axis.name} {axis.size}"
            failed = check.divisible(
                axis.size, self.factor, SPACE_DOES_NOT_DIVIDE, message, at="factor"
            )
            if failed:
                return failed
        height, width = (floor_div(size, self.factor) for size in x.sizes[1:])
        return TensorType.image(x.dtype, channels.count * self.factor**2, height, width)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if self.factor == 1:
            return tensors[0]
        blocks = emit.node("SpaceToDepth", tensors, blocksize=self.factor)
        channels = inputs[0].size(CHANNELS)
        assert isinstance(channels, int), "infer demands a number of channels"
        return _interleaved(emit, blocks, 1, channels, self.factor**2)


@final
class ChannelShuffle(Layer):
    """The channels of (N, C, …) dealt out anew: y[i·g + j] = x[j·(C / g) + i], g the `groups`.

    Source: Zhang et al., ShuffleNet, 2017; ONNX Gather, which needs no sizes of the other axes.

    Attributes:
        groups: the parts, of equal numbers of channels, that are dealt out.
    """

    op: ClassVar[str] = "channel_shuffle"

    groups: Positive

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-channels, layer/channels-unknown, channel_shuffle/groups.
        """
        (x,) = inputs
        channels = needs_channels(x, self.op, check)
        if isinstance(channels, Failed):
            return channels
        message = f"`groups: {self.groups}` does not divide {channels.count} channels"
        failed = check.divisible(
            channels.count, self.groups, GROUPS_DO_NOT_DIVIDE, message, at="groups"
        )
        return failed or x

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        axis = output.axis_index(CHANNELS) or 0
        channels = output.sizes[axis - 1]
        assert isinstance(channels, int), "infer demands a number of channels"
        return _interleaved(emit, tensors[0], axis, channels // self.groups, self.groups)


def _interleaved(emit: Emitter, x: Tensor, axis: int, inner: int, outer: int) -> Tensor:
    """The axis of outer · inner elements as inner · outer: a transpose of its two parts."""
    if inner == 1 or outer == 1:
        return x
    order = [j * inner + i for i in range(inner) for j in range(outer)]
    return emit.node("Gather", [x, emit.constant(order, DType.INT64)], axis=axis)


LAYERS: tuple[type[Layer], ...] = (DepthToSpace, SpaceToDepth, ChannelShuffle)
