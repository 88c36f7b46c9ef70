"""Pools over images (N, channels, height, width): over windows, and over whole images.

A ceiling's last window is written as padding at the end, which does not depend on the input's size,
so that no `ceil_mode` of ONNX is used: versions of ONNX Runtime differ in it. Sources: ONNX
`MaxPool` (opset 12), `AveragePool` (11), `GlobalAveragePool` and `GlobalMaxPool` (1).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer, Reach
from archc.layers.arguments import (
    IntPair,
    Padding,
    needs_channels,
    needs_float,
    needs_image,
    sides,
)
from archc.layers.windows import (
    Padded,
    Windows,
    in_floor_mode,
    known_pads,
    needs_fit,
    pad,
    padded,
    pads_vector,
    reach_of,
    slid,
    spatial,
    window_attributes,
    windows,
)
from archc.shapes.tensor_type import HEIGHT, WIDTH, Axis, DType, TensorType

PADDING_TOO_LARGE = Rule(
    "pool/padding-too-large",
    "the padding of a pool is not below its kernel",
    "A window would lie in the padding alone, and have nothing to pool.",
)


@final
class MaxPool(Layer):
    """The largest element of each window, channel by channel.

    (N, channels, h, w) to (N, channels, h', w'), h' = floor((h + p + p' − d(k − 1) − 1) / s) + 1
    or, with `ceil`, the ceiling. Padding is never the largest. Source: ONNX `MaxPool`.

    Attributes:
        kernel: the size of the window.
        stride: the step from window to window; left out, the windows lie side by side.
        padding: the lines around the input, fewer than the kernel has.
        ceil: whether a last window that is not full counts, if it starts within the input or the
            padding before it.
        dilation: the step within the window.
    """

    op: ClassVar[str] = "max_pool"
    side_outputs: ClassVar[frozenset[str]] = frozenset({"indices"})

    kernel: IntPair
    stride: IntPair | None = None
    padding: Padding = 0
    ceil: bool = False
    dilation: IntPair = 1

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The image of all windows.

        Reports: layer/needs-float, layer/needs-image, layer/channels-unknown,
            layer/window-too-large, pool/padding-too-large.
        """
        return _infer(inputs[0], self.op, self._windows, check)

    @override
    def check_arguments(self, check: Check) -> Failed | None:
        """What is wrong with the windows.

        Reports: pool/padding-too-large.
        """
        return _check_padding(self._windows, check)

    @override
    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:
        return reach_of(self._windows)

    @property
    @override
    def sliding(self) -> Windows | None:
        return self._windows

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        x, over = inputs[0], in_floor_mode(self._windows)
        ready = padded(emit, tensors[0], x, over, fill=-math.inf, is_pool=True)
        attributes = {**window_attributes(over), **ready.attributes}
        if "indices" not in emit.wanted_sides:
            return emit.node("MaxPool", [ready.tensor], **attributes)
        result, indices = emit.nodes("MaxPool", [ready.tensor], 2, **attributes)
        emit.side_output("indices", _indices_within(emit, indices, x, ready))
        return result

    @property
    def _windows(self) -> Windows:
        stride = self.kernel if self.stride is None else self.stride
        return windows(self.kernel, stride, self.padding, self.dilation, ceil=self.ceil)

    @property
    @override
    def implied(self) -> Mapping[str, object]:
        return {"stride": self.kernel} if self.stride is None else {}


@final
class AvgPool(Layer):
    """The mean of each window, channel by channel.

    (N, channels, h, w) to (N, channels, h', w'), h' as for `max_pool` without dilation. The padding
    counts as zeros, or with `include_pad: false` not at all; what lies beyond it, in the last
    window of a ceiling, never counts. Source: ONNX `AveragePool`.

    Attributes:
        kernel: the size of the window.
        stride: the step from window to window; left out, the windows lie side by side.
        padding: the lines around the input, fewer than the kernel has.
        ceil: whether a last window that is not full counts, if it starts within the input or the
            padding before it.
        include_pad: whether the padding counts as zeros.
    """

    op: ClassVar[str] = "avg_pool"

    kernel: IntPair
    stride: IntPair | None = None
    padding: Padding = 0
    ceil: bool = False
    include_pad: bool = True

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The image of all windows.

        Reports: layer/needs-float, layer/needs-image, layer/channels-unknown,
            layer/window-too-large, pool/padding-too-large.
        """
        return _infer(inputs[0], self.op, self._windows, check)

    @override
    def check_arguments(self, check: Check) -> Failed | None:
        """What is wrong with the windows.

        Reports: pool/padding-too-large.
        """
        return _check_padding(self._windows, check)

    @override
    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:
        return reach_of(self._windows)

    @property
    @override
    def sliding(self) -> Windows | None:
        return self._windows

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        (image,), x, over = tensors, inputs[0], in_floor_mode(self._windows)
        declared = sides(self.padding)
        counts_pads = self.include_pad and (declared is None or any(declared))
        if counts_pads and declared and list(declared) != known_pads(over, x, emit.domains):
            # ONNX's own padding would count what lies beyond the declared one as well.
            image = pad(emit, image, x, pads_vector(emit, declared), 0.0)
            height, width = over
            over = (
                replace(height, before=0, after=height.after - declared.bottom),
                replace(width, before=0, after=width.after - declared.right),
            )
            counts_pads = False
        ready = padded(emit, image, x, over, is_pool=True)
        attributes = {**window_attributes(over), **ready.attributes}
        if ready.pads is None:
            attributes["count_include_pad"] = 1 if counts_pads else None
            return emit.node("AveragePool", [ready.tensor], **attributes)
        result = emit.node("AveragePool", [ready.tensor], **attributes)
        if counts_pads:
            return result
        # Padding of a node of its own counts, so the mean is over the share of what is no padding.
        one = emit.constant([[[[1.0]]]], x.dtype)
        ones = emit.node("Expand", [one, emit.shape([1, 1, *spatial(x)])])
        share = emit.node("AveragePool", [pad(emit, ones, x, ready.pads, 0.0)], **attributes)
        return emit.node("Div", [result, share])

    @property
    def _windows(self) -> Windows:
        stride = self.kernel if self.stride is None else self.stride
        return windows(self.kernel, stride, self.padding, ceil=self.ceil)

    @property
    @override
    def implied(self) -> Mapping[str, object]:
        return {"stride": self.kernel} if self.stride is None else {}


class _GlobalPool(Layer):
    """A pool with one window, the whole image, written as one ONNX operator."""

    operator: ClassVar[str]

    keep_dims: bool = True

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """An image of one element a channel, or (N, channels).

        Reports: layer/needs-float, layer/needs-image.
        """
        return _infer_global(inputs[0], self.op, check, keep_dims=self.keep_dims)

    @override
    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:
        return _whole_reach(inputs[0])

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        result = emit.node(self.operator, tensors)
        return result if self.keep_dims else emit.node("Flatten", [result])


@final
class GlobalAvgPool(_GlobalPool):
    """The mean of each channel over height and width.

    (N, channels, h, w) to (N, channels, 1, 1). Source: ONNX `GlobalAveragePool`.

    Attributes:
        keep_dims: whether height and width stay, of size 1; else the output is (N, channels).
    """

    op: ClassVar[str] = "global_avg_pool"
    operator: ClassVar[str] = "GlobalAveragePool"


@final
class GlobalMaxPool(_GlobalPool):
    """The largest element of each channel over height and width.

    (N, channels, h, w) to (N, channels, 1, 1). Source: ONNX `GlobalMaxPool`.

    Attributes:
        keep_dims: whether height and width stay, of size 1; else the output is (N, channels).
    """

    op: ClassVar[str] = "global_max_pool"
    operator: ClassVar[str] = "GlobalMaxPool"


def _infer(x: TensorType, op: str, over: Windows, check: Check) -> TensorType | Failed:
    failed = needs_float(x, op, check) or needs_image(x, op, check)
    channels = failed or needs_channels(x, op, check)
    if isinstance(channels, Failed):
        return channels
    failed = _check_padding(over, check)
    return failed or needs_fit(over, x, check) or slid(over, x, channels.count)


def _check_padding(over: Windows, check: Check) -> Failed | None:
    for window in over:
        most = max(window.before, window.after)
        if most >= window.kernel:
            return check.error(
                PADDING_TOO_LARGE,
                f"the padding {most} is not below the kernel {window.kernel}",
                at="padding",
                helps=[f"take at most {window.kernel - 1}"],
            )
    return None


def _infer_global(x: TensorType, op: str, check: Check, *, keep_dims: bool) -> TensorType | Failed:
    failed = needs_float(x, op, check) or needs_image(x, op, check)
    if failed is not None:
        return failed
    rest = (Axis(HEIGHT, 1), Axis(WIDTH, 1)) if keep_dims else ()
    return x.with_axes((x.axes[0], *rest))


def _whole_reach(x: TensorType) -> Reach | None:
    height, width = spatial(x)
    if isinstance(height, int) and isinstance(width, int):
        return Reach((height, width), (1, 1))
    return None


def _indices_within(emit: Emitter, indices: Tensor, x: TensorType, ready: Padded) -> Tensor:
    """The indices of maxima, counted in the image itself and not in its padded copy.

    ONNX counts ((n·channels + c)·height + i)·width + j over the whole input of the operator.
    """
    if ready.pads is None:
        return indices

    def calculate(operator: str, a: Tensor, b: Tensor) -> Tensor:
        return emit.node(operator, [a, b])

    def element(vector: Tensor, index: int) -> Tensor:
        return emit.node("Gather", [vector, emit.constant([index], DType.INT64)], axis=0)

    shape, inner = emit.node("Shape", [ready.tensor]), emit.shape(spatial(x))
    row = calculate("Div", indices, element(shape, 3))
    column = calculate("Sub", indices, calculate("Mul", row, element(shape, 3)))
    plane = calculate("Div", row, element(shape, 2))
    row = calculate("Sub", row, calculate("Mul", plane, element(shape, 2)))
    row = calculate("Sub", row, element(ready.pads, 2))
    column = calculate("Sub", column, element(ready.pads, 3))
    row = calculate("Add", calculate("Mul", plane, element(inner, 0)), row)
    return calculate("Add", calculate("Mul", row, element(inner, 1)), column)


LAYERS: tuple[type[Layer], ...] = (MaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool)
