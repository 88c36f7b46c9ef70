"""What the arguments of several families have in common: their types, and what inputs they take.

Bounds are those of annotated_types, so that tests can draw valid values from them.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeAlias

from annotated_types import Ge, Le

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.errors import InternalError
from archc.diagnostics.reporter import Failed
from archc.graph.layer import Check
from archc.shapes.tensor_type import CHANNELS, FEATURES, HEIGHT, WIDTH, TensorType

NEEDS_IMAGE = Rule(
    "layer/needs-image",
    "a layer that slides over height and width has no image as its input",
    "Convolutions and pools take (N, channels, height, width), the axes in this order.",
)
NEEDS_FLOAT = Rule(
    "layer/needs-float",
    "a layer that calculates has no float numbers as its input",
    "Arithmetic is on float32 or float16; the positions that `argmax` gives are integers.",
)
NEEDS_CHANNELS = Rule(
    "layer/needs-channels",
    "a layer with a number for each channel has no channels in its input",
    "Such a layer goes along the axis called channels, or features once flattened.",
)
CHANNELS_UNKNOWN = Rule(
    "layer/channels-unknown",
    "the number of channels or features depends on the size of the input",
    "Weights have fixed shapes, so what they go along must be a number.",
)

MOST = 2**31 - 1
"""The largest size, stride or count that an argument may give."""

FLOAT_MOST = 3.4028234e38
"""The largest number of type float32."""

Positive: TypeAlias = Annotated[int, Ge(1), Le(MOST)]
Natural: TypeAlias = Annotated[int, Ge(0), Le(MOST)]
Number: TypeAlias = Annotated[float, Ge(-FLOAT_MOST), Le(FLOAT_MOST)]
"""A finite number; an int is taken as well."""

PositiveNumber: TypeAlias = Annotated[float, Ge(1e-38), Le(FLOAT_MOST)]
NaturalNumber: TypeAlias = Annotated[float, Ge(0), Le(FLOAT_MOST)]

IntPair: TypeAlias = Positive | tuple[Positive, Positive]
"""One size for height and width, or [height, width]."""

NaturalPair: TypeAlias = Natural | tuple[Natural, Natural]

Padding: TypeAlias = (
    Natural
    | tuple[Natural, Natural]
    | tuple[Natural, Natural, Natural, Natural]
    | Literal["valid", "same"]
)
"""An int, [height, width], [top, left, bottom, right], `valid` (0), or `same`."""

InitArgument: TypeAlias = (
    Literal["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "zeros", "ones"] | Number
)
"""How a weight is drawn where no checkpoint gives it: a named distribution, or a number."""


class Sides(NamedTuple):
    """The pads of an image, in elements."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Channels:
    """Where the channels (or features) of a tensor stand, the batch being axis 0, and how many."""

    axis: int
    count: int


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """The sizes along height and width that an argument means."""
    return (value, value) if isinstance(value, int) else value


def sides(padding: Padding) -> Sides | None:
    """The pads that an argument means, or None for `same`, whose pads follow from the input."""
    if padding == "same":
        return None
    if padding == "valid":
        return Sides(0, 0, 0, 0)
    if isinstance(padding, int):
        return Sides(padding, padding, padding, padding)
    if len(padding) == 2:
        return Sides(*padding, *padding)
    return Sides(*padding)


def needs_float(x: TensorType, op: str, check: Check) -> Failed | None:
    """Demands float elements.

    Reports: layer/needs-float.
    """
    if x.dtype.is_float:
        return None
    return check.error(NEEDS_FLOAT, f"`{op}` needs float numbers, but its input is {x}")


def needs_image(x: TensorType, op: str, check: Check) -> Failed | None:
    """Demands an image (N, channels, height, width).

    Reports: layer/needs-image.
    """
    if x.is_image:
        return None
    helps = []
    if FEATURES in x.names:
        helps.append(f"put `{op}` before the layer that flattens, or `reshape` to three sizes")
    elif sorted(x.names) == sorted((CHANNELS, HEIGHT, WIDTH)):
        order = [0, *(x.names.index(name) + 1 for name in (CHANNELS, HEIGHT, WIDTH))]
        helps.append(f"put the axes in order with `permute: {order}`")
    names = ", ".join(["N", *(name or "?" for name in x.names)])
    return check.error(
        NEEDS_IMAGE,
        f"`{op}` needs an image (N, channels, height, width), but its input is {x}",
        notes=[f"the axes of the input are ({names})"],
        helps=helps,
    )


def needs_channels(x: TensorType, op: str, check: Check) -> Channels | Failed:
    """Where the channels or features stand and how many there are, a number.

    Reports: layer/needs-channels, layer/channels-unknown.
    """
    axis = x.axis_index(CHANNELS)
    if axis is None:
        return check.error(
            NEEDS_CHANNELS, f"`{op}` needs channels or features, but its input is {x} without them"
        )
    count = x.axes[axis - 1].size
    if not isinstance(count, int):
        return check.error(
            CHANNELS_UNKNOWN,
            f"`{op}` needs a fixed number of {x.axes[axis - 1].name}, but its input has {count}",
            helps=["give the input fixed sizes, or take `global_avg_pool` in place of `flatten`"],
        )
    return Channels(axis, count)


def needs_float_channels(x: TensorType, op: str, check: Check) -> Channels | Failed:
    """Where the channels or features of a tensor of float numbers stand, and how many there are.

    Reports: layer/needs-float, layer/needs-channels, layer/channels-unknown.
    """
    return needs_float(x, op, check) or needs_channels(x, op, check)


def known_channels(x: TensorType) -> Channels:
    """The channels or features of a type that is known to have them.

    Raises:
        InternalError: there are none, or they are no number.
    """
    axis = x.axis_index(CHANNELS)
    count = None if axis is None else x.axes[axis - 1].size
    if axis is None or not isinstance(count, int):
        raise InternalError(f"{x} has no fixed number of channels")
    return Channels(axis, count)
