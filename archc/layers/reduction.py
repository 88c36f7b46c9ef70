"""Reductions of (N, …) along some axes: the mean, the maximum, and where the maximum stands."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, TypeAlias, final

from annotated_types import MinLen
from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer
from archc.layers.arguments import needs_float
from archc.layers.axes import AxisArgument, needs_axis
from archc.shapes.tensor_type import Axis, DType, TensorType

REPEATED_AXIS = Rule(
    "layer/repeated-axis",
    "an axis is given twice",
    "Each axis is reduced once; a name and a number may mean the same axis.",
)

AxesArgument: TypeAlias = AxisArgument | Annotated[tuple[AxisArgument, ...], MinLen(1)]
"""One axis, or a list of them."""


class _Reduction(Layer):
    """A layer that makes one number of all elements along its axes."""

    operator: ClassVar[str]

    axis: AxesArgument
    keep_dims: bool = True

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type with the axes reduced.

        Reports: layer/needs-float, layer/unknown-axis, layer/repeated-axis.
        """
        (x,) = inputs
        failed = needs_float(x, self.op, check)
        if failed:
            return failed
        reduced: list[int] = []
        for axis in self._axes():
            index = needs_axis(x, axis, self.op, check)
            if isinstance(index, Failed):
                return index
            if index in reduced:
                message = f"`{self.op}` is given axis {index} of its input {x} twice"
                return check.error(REPEATED_AXIS, message, at="axis")
            reduced.append(index)
        if self.keep_dims:
            return x.with_axes(
                Axis(a.name, 1) if i in reduced else a for i, a in enumerate(x.axes, 1)
            )
        return x.with_axes(a for i, a in enumerate(x.axes, 1) if i not in reduced)

    def _axes(self) -> tuple[AxisArgument, ...]:
        return self.axis if isinstance(self.axis, tuple) else (self.axis,)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        axes = sorted(inputs[0].axis_index(axis) or 0 for axis in self._axes())
        keep = int(self.keep_dims)
        if emit.opset < 18:
            return emit.node(self.operator, tensors, axes=axes, keepdims=keep)
        return emit.node(
            self.operator, [tensors[0], emit.constant(axes, DType.INT64)], keepdims=keep
        )


@final
class Mean(_Reduction):
    """y = the mean of x along `axis`, of (N, …).

    Source: ONNX ReduceMean.

    Attributes:
        axis: the axis to reduce, or a list of axes.
        keep_dims: whether the axes stay, with size 1, or go.
    """

    op: ClassVar[str] = "mean"
    operator: ClassVar[str] = "ReduceMean"


@final
class Max(_Reduction):
    """y = the largest x along `axis`, of (N, …).

    Source: ONNX ReduceMax.

    Attributes:
        axis: the axis to reduce, or a list of axes.
        keep_dims: whether the axes stay, with size 1, or go.
    """

    op: ClassVar[str] = "max"
    operator: ClassVar[str] = "ReduceMax"


@final
class Argmax(Layer):
    """The position of the largest x along `axis` of (N, …), from 0, the first of equal ones.

    The output is int64, without that axis. Source: ONNX ArgMax.

    Attributes:
        axis: the axis to look along, which goes.
    """

    op: ClassVar[str] = "argmax"

    axis: AxisArgument = "channels"

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of positions.

        Reports: layer/needs-float, layer/unknown-axis.
        """
        (x,) = inputs
        failed = needs_float(x, self.op, check)
        if failed:
            return failed
        index = needs_axis(x, self.axis, self.op, check)
        if isinstance(index, Failed):
            return index
        return TensorType(DType.INT64, x.axes[: index - 1] + x.axes[index:])

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node("ArgMax", tensors, axis=inputs[0].axis_index(self.axis), keepdims=0)


LAYERS: tuple[type[Layer], ...] = (Mean, Max, Argmax)
