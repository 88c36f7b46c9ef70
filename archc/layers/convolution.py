"""Convolutions over images (N, channels, height, width), with learned or fixed kernels.

    y[o, i, j] = bias[o] + Σ weight[o, c, u, v] · x[c, i·s + u·d − top, j·s + v·d − left]

over the input channels c of the group of o and the positions u, v of the kernel; x is 0 outside.
Source: ONNX `Conv` (opset 11).
"""

from collections.abc import Sequence
from typing import ClassVar, TypeAlias, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer, Reach
from archc.graph.weight import Weight
from archc.layers.arguments import InitArgument, IntPair, Padding, Positive, known_channels
from archc.layers.kernel import (
    Kernel,
    Values,
    image_channels,
    kernel_size,
    needs_depth,
    needs_groups,
    needs_values,
    values_shape,
)
from archc.layers.windows import (
    Windows,
    needs_fit,
    padded,
    reach_of,
    slid,
    spatial,
    window_attributes,
    windows,
)
from archc.shapes.size import Size, product
from archc.shapes.tensor_type import TensorType

INCOMPLETE = Rule(
    "conv/incomplete",
    "a convolution lacks its number of channels or its kernel",
    "Only a fixed kernel, given as `values`, says both by itself.",
)


@final
class Conv(Layer):
    """A convolution over height and width.

    (N, in, h, w) to (N, out, h', w') with h' = floor((h + p + p' − d(k − 1) − 1) / s) + 1.
    The weights are `weight` [out, in/groups, kh, kw] and `bias` [out]. Source: ONNX `Conv`.

    Attributes:
        out: the channels that come out.
        kernel: the size of the window.
        stride: the step from window to window.
        padding: zeros around the input.
        dilation: the step within the window.
        groups: the parts into which the channels fall, each convolved by itself.
        bias: whether a learned number is added to each channel.
        values: a fixed kernel in place of a learned one, a nested list [out, in/groups, kh, kw];
            [out, kh, kw] and [kh, kw] repeat over the missing axes. Where `out` is left out,
            [kh, kw] gives one channel for each group.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "conv"

    out: Positive | None = None
    kernel: IntPair | None = None
    stride: IntPair = 1
    padding: Padding = 0
    dilation: IntPair = 1
    groups: Positive = 1
    bias: bool = True
    values: Values | None = None
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The image of all windows.

        Reports: layer/needs-float, layer/needs-image, layer/channels-unknown,
            layer/window-too-large, conv/incomplete, conv/groups, conv/values.
        """
        (x,) = inputs
        channels = image_channels(x, self.op, check)
        if isinstance(channels, Failed):
            return channels
        failed = self.check_arguments(check) or _bad_values(self, self.out, check)
        if failed is not None:
            return failed
        kernel = self._kernel(channels)
        failed = needs_groups(self.groups, channels, kernel.out, check)
        return failed or _slide(self, x, kernel, check)

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        return _weights(self, self._kernel(known_channels(inputs[0]).count))

    @override
    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> Size:
        return product([self._kernel(known_channels(inputs[0]).count).macs, *spatial(output)])

    @override
    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:
        return reach_of(_windows(self))

    @property
    @override
    def sliding(self) -> Windows | None:
        return _windows(self)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        kernel = self._kernel(known_channels(inputs[0]).count)
        return _convolve(self, emit, tensors[0], inputs[0], kernel)

    def _kernel(self, channels: int) -> Kernel:
        shape = values_shape(self.values) or ()
        out = self.out or (shape[0] if len(shape) > 2 else self.groups)
        size = kernel_size(self.kernel, self.values)
        return Kernel(out, channels // self.groups, self.groups, size)

    @override
    def check_arguments(self, check: Check) -> Failed | None:
        """What a convolution lacks.

        Reports: conv/incomplete.
        """
        given = {"out": self.out, "kernel": self.kernel}
        missing = [f"`{name}`" for name, value in given.items() if value is None]
        if self.values is not None or not missing:
            return None
        return check.error(
            INCOMPLETE,
            f"`conv` needs {' and '.join(missing)}",
            helps=["write `{conv: 64, kernel: 3}`, or give a fixed kernel with `values`"],
        )


@final
class DepthwiseConv(Layer):
    """A convolution of each channel by itself.

    (N, in, h, w) to (N, in·multiplier, h', w'), h' as for `conv`; channel c gives the channels from
    c·multiplier to (c + 1)·multiplier − 1. The weights are `weight` [in·multiplier, 1, kh, kw] and
    `bias` [in·multiplier]. Source: ONNX `Conv` with as many groups as channels.

    Attributes:
        kernel: the size of the window.
        multiplier: the channels that come of each.
        stride: the step from window to window.
        padding: zeros around the input.
        dilation: the step within the window.
        bias: whether a learned number is added to each channel.
        values: a fixed kernel in place of a learned one, as for `conv`.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "depthwise_conv"

    kernel: IntPair | None = None
    multiplier: Positive = 1
    stride: IntPair = 1
    padding: Padding = 0
    dilation: IntPair = 1
    bias: bool = True
    values: Values | None = None
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The image of all windows.

        Reports: layer/needs-float, layer/needs-image, layer/channels-unknown,
            layer/window-too-large, conv/incomplete, conv/values.
        """
        (x,) = inputs
        channels = image_channels(x, self.op, check)
        if isinstance(channels, Failed):
            return channels
        failed = self.check_arguments(check)
        if failed is not None:
            return failed
        kernel = self._kernel(channels)
        failed = _bad_values(self, kernel.out, check)
        return failed or _slide(self, x, kernel, check)

    @override
    def check_arguments(self, check: Check) -> Failed | None:
        """What a convolution lacks.

        Reports: conv/incomplete.
        """
        if self.kernel is not None or self.values is not None:
            return None
        return check.error(
            INCOMPLETE,
            "`depthwise_conv` needs `kernel`",
            helps=["write `{depthwise_conv: 3}`, or give a fixed kernel with `values`"],
        )

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        return _weights(self, self._kernel(known_channels(inputs[0]).count))

    @override
    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> Size:
        return product([self._kernel(known_channels(inputs[0]).count).macs, *spatial(output)])

    @override
    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:
        return reach_of(_windows(self))

    @property
    @override
    def sliding(self) -> Windows | None:
        return _windows(self)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        kernel = self._kernel(known_channels(inputs[0]).count)
        return _convolve(self, emit, tensors[0], inputs[0], kernel)

    def _kernel(self, channels: int) -> Kernel:
        size = kernel_size(self.kernel, self.values)
        return Kernel(channels * self.multiplier, 1, channels, size)


_Convolution: TypeAlias = Conv | DepthwiseConv


def _windows(layer: _Convolution) -> Windows:
    size = kernel_size(layer.kernel, layer.values)
    return windows(size, layer.stride, layer.padding, layer.dilation)


def _bad_values(layer: _Convolution, out: int | None, check: Check) -> Failed | None:
    if layer.values is None:
        return None
    wants_bias = layer.bias and "bias" in layer.model_fields_set
    return needs_values(layer.values, layer.kernel, out, check, wants_bias=wants_bias)


def _slide(layer: _Convolution, x: TensorType, kernel: Kernel, check: Check) -> TensorType | Failed:
    failed = None if layer.values is None else needs_depth(layer.values, kernel, check)
    over, at = _windows(layer), "values" if layer.kernel is None else "kernel"
    return failed or needs_fit(over, x, check, at=at) or slid(over, x, kernel.out)


def _weights(layer: _Convolution, kernel: Kernel) -> tuple[Weight, ...]:
    if layer.values is not None:
        return ()
    is_depthwise = isinstance(layer, DepthwiseConv)
    return kernel.weights(layer.init, bias=layer.bias, is_depthwise=is_depthwise)


def _convolve(
    layer: _Convolution, emit: Emitter, image: Tensor, x: TensorType, kernel: Kernel
) -> Tensor:
    over = _windows(layer)
    ready = padded(emit, image, x, over)
    return emit.node(
        "Conv",
        [ready.tensor, *kernel.operands(emit, layer.values, x.dtype, bias=layer.bias)],
        **window_attributes(over),
        **ready.attributes,
        group=kernel.groups if kernel.groups > 1 else None,
    )


LAYERS: tuple[type[Layer], ...] = (Conv, DepthwiseConv)
