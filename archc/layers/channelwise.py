"""Numbers that go along the channels of a tensor, wherever that axis stands.

ONNX aligns shapes at their ends, so one number a channel gets an axis of size 1 for each axis that
comes after the channels.
"""

from collections.abc import Sequence

from archc.graph.emitter import Emitter, Tensor
from archc.layers.arguments import Channels
from archc.shapes.tensor_type import DType, TensorType


def weight_along(emit: Emitter, weight: Tensor, channels: Channels, x: TensorType) -> Tensor:
    """A weight [channels] in a shape that goes along the channels of x."""
    after = x.rank - 1 - channels.axis
    if not after:
        return weight
    return emit.node("Reshape", [weight, emit.constant([-1] + [1] * after, DType.INT64)])


def constant_along(
    emit: Emitter, numbers: Sequence[float], channels: Channels, x: TensorType
) -> Tensor:
    """Fixed numbers, one a channel, in a shape that goes along the channels of x."""
    values: list[object] = list(numbers)
    for _ in range(x.rank - 1 - channels.axis):
        values = [[value] for value in values]
    return emit.constant(values, x.dtype)


def with_axis_moved(emit: Emitter, tensor: Tensor, rank: int, source: int, to: int) -> Tensor:
    """The tensor with one of its axes moved, the order of the others kept."""
    if source == to:
        return tensor
    order = [axis for axis in range(rank) if axis != source]
    order.insert(to, source)
    return emit.node("Transpose", [tensor], perm=order)
