"""Transposed convolutions over images (N, channels, height, width).

They are the gradient of a convolution by its input: each element of the input times the kernel is
added to the output where the convolution would have read it.

    y[o, i·s + u·d − top, j·s + v·d − left] += weight[c, o, u, v] · x[c, i, j]

Source: ONNX `ConvTranspose` (opset 11).
"""

import math
from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer, Reach
from archc.graph.weight import KerasForm, Weight
from archc.layers.arguments import (
    InitArgument,
    IntPair,
    NaturalPair,
    Padding,
    Positive,
    known_channels,
    pair,
)
from archc.layers.channelwise import weight_along
from archc.layers.kernel import bias_weight, image_channels, needs_groups
from archc.layers.windows import (
    Windows,
    pad,
    pads_vector,
    spatial,
    window_attributes,
    windows,
)
from archc.shapes.size import Size, product
from archc.shapes.tensor_type import CHANNELS, HEIGHT, WIDTH, Axis, TensorType

NOTHING_LEFT = Rule(
    "conv_transpose/nothing-left",
    "the padding of a transposed convolution takes its whole output away",
    "Its padding is cut off the output, which is (n − 1)·s − p − p' + d(k − 1) + op + 1.",
)
OUTPUT_PADDING = Rule(
    "conv_transpose/output-padding",
    "an output padding stands beside `same`",
    "It chooses one of several sizes of the output, and `same` has chosen already.",
)


@final
class ConvTranspose(Layer):
    """A transposed convolution, which enlarges an image by its stride.

    (N, in, h, w) to (N, out, h', w') with h' = (h − 1)·s − p − p' + d(k − 1) + output_padding + 1.
    The padding is cut off the output. With `same`, h' = h·s: what is above it, d(k − 1) + 1 − s
    where that is positive, is cut off, the odd line at the end, and where it is negative, lines
    that hold the bias alone are put at the end. The weights are `weight` [in, out/groups, kh, kw]
    and `bias` [out]. Source: ONNX `ConvTranspose`.

    Attributes:
        out: the channels that come out.
        kernel: the size of the window.
        stride: the step from window to window in the output.
        padding: the lines cut off the output.
        output_padding: lines put at the end of the output.
        dilation: the step within the window.
        groups: the parts into which the channels fall, each convolved by itself.
        bias: whether a learned number is added to each channel.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "conv_transpose"

    out: Positive
    kernel: IntPair
    stride: IntPair = 1
    padding: Padding = 0
    output_padding: NaturalPair = 0
    dilation: IntPair = 1
    groups: Positive = 1
    bias: bool = True
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The enlarged image.

        Reports: layer/needs-float, layer/needs-image, layer/channels-unknown, conv/groups,
            conv_transpose/nothing-left, conv_transpose/output-padding.
        """
        (x,) = inputs
        channels = image_channels(x, self.op, check)
        if isinstance(channels, Failed):
            return channels
        failed = needs_groups(self.groups, channels, self.out, check) or self._bad_padding(check)
        sizes: list[Size] = []
        for window, more, n in zip(
            self._windows, pair(self.output_padding), spatial(x), strict=True
        ):
            sizes.append(window.transposed_output(n, more))
            failed = failed or check.at_least(
                sizes[-1],
                1,
                NOTHING_LEFT,
                f"nothing is left of the output: ({n} − 1)·{window.stride} − {window.before} − "
                f"{window.after} + {window.extent} + {more} = {sizes[-1]}",
                at="padding",
            )
        if failed is not None:
            return failed
        height, width = sizes
        return x.with_axes((Axis(CHANNELS, self.out), Axis(HEIGHT, height), Axis(WIDTH, width)))

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        channels, size = known_channels(inputs[0]).count, pair(self.kernel)
        weight = Weight(
            "weight",
            (channels, self.out // self.groups, *size),
            "he_normal" if self.init is None else self.init,
            fan_in=channels // self.groups * math.prod(size),
            fan_out=self.out // self.groups * math.prod(size),
            keras=KerasForm(("kernel",), (*size, self.out // self.groups, channels), (3, 2, 0, 1)),
            inputs_axis=0,
            outputs_axis=1 if self.groups == 1 else None,
        )
        return (weight, bias_weight(self.out)) if self.bias else (weight,)

    @override
    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> Size:
        a_position = (
            known_channels(inputs[0]).count * self.out // self.groups * math.prod(pair(self.kernel))
        )
        return product([a_position, *spatial(inputs[0])])

    @override
    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:
        """An element depends on ceil(extent / stride) elements of the input."""
        height, width = (-(-window.extent // window.stride) for window in self._windows)
        return Reach((height, width), (1, 1))

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        starts, ends, more = zip(*self._cuts(), strict=True)
        over = self._windows
        pads = [*starts, *ends]
        weight = emit.weight("weight")
        bias = emit.weight("bias") if self.bias else None
        attributes = {
            **window_attributes(over),
            "group": self.groups if self.groups > 1 else None,
        }
        if all(lines < window.stride for lines, window in zip(more, over, strict=True)):
            attributes["pads"] = pads if any(pads) else None
            attributes["output_padding"] = list(more) if any(more) else None
            return emit.node("ConvTranspose", [tensors[0], weight, bias], **attributes)
        # ONNX Runtime takes no output padding from the stride on. Those lines hold the bias alone,
        # and they come before the cuts, which may be larger than what is there without them.
        result = emit.node("ConvTranspose", [tensors[0], weight], **attributes)
        result = pad(emit, result, output, pads_vector(emit, [0, 0, *more]), 0.0)
        if any(pads):
            cuts = pads_vector(emit, [-lines for lines in pads])
            result = pad(emit, result, output, cuts, 0.0)
        if bias is None:
            return result
        return emit.node("Add", [result, weight_along(emit, bias, known_channels(output), output)])

    def _cuts(self) -> list[tuple[int, int, int]]:
        """Along height and width: the lines cut at the start and at the end, and those added."""
        cuts = []
        for window, more in zip(self._windows, pair(self.output_padding), strict=True):
            over = window.extent - window.stride
            if window.same:
                cut = max(over, 0)
                cuts.append((cut // 2, cut - cut // 2, max(-over, 0)))
            else:
                kept = min(window.after, more)
                cuts.append((window.before, window.after - kept, more - kept))
        return cuts

    @property
    def _windows(self) -> Windows:
        return windows(self.kernel, self.stride, self.padding, self.dilation)

    def _bad_padding(self, check: Check) -> Failed | None:
        if self.padding == "same" and pair(self.output_padding) != (0, 0):
            shown = [*pair(self.output_padding)]
            return check.error(
                OUTPUT_PADDING,
                f"`output_padding: {shown}` stands beside `padding: same`",
                at="output_padding",
                helps=[
                    "leave `output_padding` out: `same` gives the input's size times the stride"
                ],
            )
        return None


LAYERS: tuple[type[Layer], ...] = (ConvTranspose,)
