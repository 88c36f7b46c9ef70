"""The kernels of convolutions: their sizes, what is learned of them, and fixed ones.

A fixed kernel is a nested list [out, in/groups, kh, kw]; [out, kh, kw] and [kh, kw] repeat over the
axes that are missing.
"""

import math
from typing import NamedTuple, TypeAlias

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check
from archc.graph.weight import KerasForm, Weight, along_channels
from archc.layers.arguments import (
    InitArgument,
    IntPair,
    Number,
    needs_channels,
    needs_float,
    needs_image,
    pair,
)
from archc.shapes.tensor_type import DType, TensorType

GROUPS = Rule(
    "conv/groups",
    "the groups of a convolution do not divide its channels",
    "Each group takes an equal share of the channels that come in and of those that come out.",
)
VALUES = Rule(
    "conv/values",
    "a fixed kernel does not have the shape that the convolution needs",
    "It is a list [out, in/groups, kh, kw]; [out, kh, kw] and [kh, kw] repeat over missing axes.",
)

Plane: TypeAlias = tuple[tuple[Number, ...], ...]
Filter: TypeAlias = tuple[Plane, ...]
Values: TypeAlias = Plane | Filter | tuple[Filter, ...]
"""A fixed kernel: [kh, kw], [out, kh, kw] or [out, in/groups, kh, kw]."""


class Kernel(NamedTuple):
    """The sizes of a kernel.

    Attributes:
        out: the channels that come out.
        depth: the channels of the input that reach each of them.
        groups: the parts into which the channels fall.
        size: height and width.
    """

    out: int
    depth: int
    groups: int
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The sizes of `weight`: [out, in/groups, kh, kw]."""
        return self.out, self.depth, *self.size

    @property
    def macs(self) -> int:
        """Multiply-accumulates for all channels at one position of the window."""
        return math.prod(self.shape)

    def weights(
        self, init: InitArgument | None, *, bias: bool, is_depthwise: bool = False
    ) -> tuple[Weight, ...]:
        """What is learned: `weight` [out, in/groups, kh, kw] and, if wanted, `bias` [out]."""
        is_whole = self.groups == 1
        weight = Weight(
            "weight",
            self.shape,
            "he_normal" if init is None else init,
            fan_in=self.depth * math.prod(self.size),
            fan_out=self.out // self.groups * math.prod(self.size),
            keras=self._keras(is_depthwise=is_depthwise),
            inputs_axis=1 if is_whole else None,
            outputs_axis=0 if is_whole else None,
        )
        return (weight, bias_weight(self.out)) if bias else (weight,)

    def _keras(self, *, is_depthwise: bool) -> KerasForm:
        if is_depthwise:  # channel c gives those from c·multiplier on, in Keras too
            sizes = (*self.size, self.groups, self.out // self.groups)
            return KerasForm(("depthwise_kernel", "kernel"), sizes, (2, 3, 0, 1))
        names = ("kernel", "pointwise_kernel")
        return KerasForm(names, (*self.size, self.depth, self.out), (3, 2, 0, 1))

    def operands(
        self, emit: Emitter, values: Values | None, dtype: DType, *, bias: bool
    ) -> list[Tensor]:
        """The kernel and the bias as tensors: the weights, or the fixed values."""
        if values is not None:
            return [emit.constant(full_values(values, self.out, self.depth), dtype)]
        return [emit.weight(name) for name in (("weight", "bias") if bias else ("weight",))]


def bias_weight(out: int) -> Weight:
    """What is added to each channel that comes out, or to each feature."""
    return along_channels("bias", "bias", out, "zeros", is_bias=True)


def values_shape(values: object) -> tuple[int, ...] | None:
    """The sizes of nested lists, or None where they are ragged or empty."""
    if not isinstance(values, tuple):
        return ()
    shapes = {values_shape(value) for value in values}
    inner = shapes.pop() if len(shapes) == 1 else None
    return None if inner is None else (len(values), *inner)


def kernel_size(kernel: IntPair | None, values: Values | None) -> tuple[int, int]:
    """Height and width, from the argument, else from the fixed values."""
    if kernel is not None:
        return pair(kernel)
    height, width = (values_shape(values) or (1, 1))[-2:]
    return height, width


def full_values(values: Values, out: int, depth: int) -> object:
    """The fixed values over all four axes [out, in/groups, kh, kw]."""
    match len(values_shape(values) or ()):
        case 2:
            return [[values] * depth] * out
        case 3:
            return [[plane] * depth for plane in values]
        case _:
            return values


def needs_values(
    values: Values, kernel: IntPair | None, out: int | None, check: Check, *, wants_bias: bool
) -> Failed | None:
    """Demands that fixed values are no ragged list, and agree with the arguments beside them.

    Reports: conv/values.
    """
    shape = values_shape(values)
    if shape is None:
        message = "`values` is ragged: the lists at one depth must have one length, at least 1"
        return check.error(VALUES, message, at="values")
    shown = list(shape)
    if kernel is not None and pair(kernel) != shape[-2:]:
        height, width = pair(kernel)
        message = f"`values` is {shown}, but `kernel` says {height} × {width}"
        return check.error(VALUES, message, at="values", helps=["leave `kernel` out"])
    if out is not None and len(shape) > 2 and shape[0] != out:
        message = f"`values` is {shown}, which is {shape[0]} channels, but {out} come out"
        return check.error(VALUES, message, at="values")
    if wants_bias:
        return check.error(
            VALUES,
            "`bias: true` stands beside `values`, and a fixed kernel has no bias",
            at="bias",
            helps=["leave `bias` out, and put a `shift` after it for fixed numbers"],
        )
    return None


def needs_depth(values: Values, kernel: Kernel, check: Check) -> Failed | None:
    """Demands that fixed values with an axis for the input channels have them all.

    Reports: conv/values.
    """
    shape = values_shape(values) or ()
    if len(shape) < 4 or shape[1] == kernel.depth:
        return None
    return check.error(
        VALUES,
        f"`values` is {list(shape)}, which takes {shape[1]} input channels in each group, but "
        f"there are {kernel.depth}",
        at="values",
        helps=["leave this axis out to use the same values for every input channel"],
    )


def image_channels(x: TensorType, op: str, check: Check) -> int | Failed:
    """The channels of an image of float numbers.

    Reports: layer/needs-float, layer/needs-image, layer/channels-unknown.
    """
    failed = needs_float(x, op, check) or needs_image(x, op, check)
    if failed is not None:
        return failed
    channels = needs_channels(x, op, check)
    return channels if isinstance(channels, Failed) else channels.count


def needs_groups(groups: int, channels: int, out: int, check: Check) -> Failed | None:
    """Demands that the groups divide the channels that come in and those that come out.

    Reports: conv/groups.
    """
    for count, which in ((channels, "input"), (out, "output")):
        if count % groups:
            common = math.gcd(channels, out)
            shared = f"{channels}" if channels == out else f"{channels} and {out}"
            best = max(d for d in range(1, min(groups, common) + 1) if common % d == 0)
            return check.error(
                GROUPS,
                f"`groups: {groups}` does not divide {count} {which} channels",
                at="groups",
                axis=0 if which == "input" else None,
                helps=[f"take a divisor of {shared}, for example {best}"],
            )
    return None
