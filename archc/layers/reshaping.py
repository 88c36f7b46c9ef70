"""The same elements under other axes: flatten, reshape, permute, squeeze. The batch axis stays.

Elements keep their row-major order, but for `permute`. Any element type.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, TypeAlias, final

from annotated_types import Ge, Le, MinLen
from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer
from archc.layers.arguments import MOST
from archc.layers.axes import AxisArgument, SymbolicSize, needs_axis
from archc.layers.quotient import NoQuotient, content, quotient
from archc.shapes.domain import restrict
from archc.shapes.size import Size, floor_div, product
from archc.shapes.tensor_type import (
    CHANNELS,
    FEATURES,
    HEIGHT,
    UNNAMED,
    WIDTH,
    Axis,
    DType,
    TensorType,
)

SIZES = Rule(
    "reshape/sizes",
    "the sizes of a `reshape` cannot be meant",
    "Sizes are at least 1, and −1 stands for one size that follows from the others.",
)
COUNT = Rule(
    "reshape/count",
    "a `reshape` gives a sample another number of elements",
    "A reshape keeps every element, so the products of the sizes are equal, for every admitted "
    "input.",
)
ORDER = Rule(
    "permute/order",
    "the order of a `permute` does not name each axis once, the batch first",
    "Every axis goes to one place, and the batch stays axis 0.",
)
NOT_ONE = Rule(
    "squeeze/not-one",
    "an axis is squeezed whose size is not 1",
    "Only an axis of size 1 can go without its elements.",
)


@final
class Flatten(Layer):
    """All axes from `axis` on joined into one of features: (N, C, H, W) to (N, C·H·W).

    The axes before it stay. Source: ONNX Flatten; from a later axis on, ONNX Reshape.

    Attributes:
        axis: the first axis that is joined.
    """

    op: ClassVar[str] = "flatten"

    axis: AxisArgument = 1

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type with the axes joined.

        Reports: layer/unknown-axis.
        """
        (x,) = inputs
        index = needs_axis(x, self.axis, self.op, check)
        if isinstance(index, Failed):
            return index
        return x.with_axes((*x.axes[: index - 1], Axis(FEATURES, product(x.sizes[index - 1 :]))))

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if output.rank == inputs[0].rank:
            return tensors[0]
        if output.rank == 2:
            return emit.node("Flatten", tensors, axis=1)
        shape = emit.constant([0] * (output.rank - 1) + [-1], DType.INT64)
        return emit.node("Reshape", [tensors[0], shape])


TargetSize: TypeAlias = Annotated[int, Ge(-1), Le(MOST)] | SymbolicSize


@final
class Reshape(Layer):
    """The elements of (N, …) in the sizes of `shape`, which leaves the batch out.

    Three sizes are channels, height, width; one is features; other axes have no names. Source:
    ONNX Reshape.

    Attributes:
        shape: the sizes, without the batch; one may be −1 and follows from the others, and one may
            be a size of the input, passed on whole.
    """

    op: ClassVar[str] = "reshape"

    shape: Annotated[tuple[TargetSize, ...], MinLen(1)]

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of these sizes.

        Reports: reshape/sizes, reshape/count.
        """
        (x,) = inputs
        sizes = self._sizes(x, check)
        if isinstance(sizes, Failed):
            return sizes
        names = {1: (FEATURES,), 3: (CHANNELS, HEIGHT, WIDTH)}.get(
            len(sizes), (UNNAMED,) * len(sizes)
        )
        return x.with_axes(Axis(name, size) for name, size in zip(names, sizes, strict=True))

    def _sizes(self, x: TensorType, check: Check) -> tuple[Size, ...] | Failed:
        if 0 in self.shape:
            return check.error(SIZES, f"a size in `shape: {self._shown}` is 0", at="shape")
        open_places = [i for i, size in enumerate(self.shape) if size == -1]
        if len(open_places) > 1:
            message = f"`shape: {self._shown}` has {len(open_places)} sizes −1"
            return check.error(SIZES, message, at="shape", helps=["leave one size open at most"])
        given = tuple(size for size in self.shape if size != -1)
        wrong = (
            f"`shape: {self._shown}` gives {product(given)} elements a sample, "
            f"but the input {x} has {x.count}"
        )
        if not open_places:
            failed = check.equal(product(given), x.count, COUNT, wrong, at="shape")
            return failed or self.shape
        rest = quotient(x.sizes, given)
        if isinstance(rest, NoQuotient):
            rest_or_failed = self._divided(x, rest, check)
            if isinstance(rest_or_failed, Failed):
                return rest_or_failed
            rest = rest_or_failed
        (place,) = open_places
        return (*self.shape[:place], rest, *self.shape[place + 1 :])

    def _divided(self, x: TensorType, rest: NoQuotient, check: Check) -> Size | Failed:
        """The size that −1 stands for where it is whole on the admitted inputs alone."""
        message = (
            f"the size −1 of `shape: {self._shown}` is no whole number: "
            f"({rest.over}) / ({rest.under}) of the input {x}"
        )
        if not isinstance(rest.under, int):
            return check.error(COUNT, message, at="shape")
        if content(restrict(rest.over, check.domains)) % rest.under:
            failed = check.divisible(rest.over, rest.under, COUNT, message, at="shape")
            if failed:
                return failed
        return floor_div(rest.over, rest.under)

    @property
    def _shown(self) -> str:
        return f"[{', '.join(map(str, self.shape))}]"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if output.sizes == inputs[0].sizes:
            return tensors[0]
        numbers = _constant_shape(inputs[0].sizes, output.sizes)
        shape = (
            emit.shape([None, *output.sizes])
            if numbers is None
            else emit.constant([0, *numbers], DType.INT64)
        )
        return emit.node("Reshape", [tensors[0], shape])


def _constant_shape(before: tuple[Size, ...], after: tuple[Size, ...]) -> list[int] | None:
    """What ONNX Reshape takes for sizes that need no calculation: 0 copies, one −1 follows."""
    numbers: list[int] = []
    for i, size in enumerate(after):
        if isinstance(size, int):
            numbers.append(size)
        elif i < len(before) and before[i] == size:
            numbers.append(0)
        elif -1 in numbers:
            return None
        else:
            numbers.append(-1)
    return numbers


@final
class Permute(Layer):
    """The axes of (N, …) in another order: axis i of the output is axis `order[i]` of the input.

    Axes keep their names. Source: ONNX Transpose.

    Attributes:
        order: all axes by number, the batch 0 first.
    """

    op: ClassVar[str] = "permute"

    order: Annotated[tuple[Annotated[int, Ge(0), Le(MOST)], ...], MinLen(1)]

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type with the axes in that order.

        Reports: permute/order.
        """
        (x,) = inputs
        if sorted(self.order) != list(range(x.rank)) or self.order[0] != 0:
            listed = [0, *range(x.rank - 1, 0, -1)]
            return check.error(
                ORDER,
                f"`order: {list(self.order)}` is no order of the {x.rank} axes of {x} that starts "
                "with the batch, 0",
                at="order",
                helps=[f"name each axis once, for example `order: {listed}`"],
            )
        return x.with_axes(x.axes[i - 1] for i in self.order[1:])

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if self.order == tuple(range(output.rank)):
            return tensors[0]
        return emit.node("Transpose", tensors, perm=list(self.order))


@final
class Squeeze(Layer):
    """(N, …) without `axis`, whose size is 1.

    Source: ONNX Squeeze.

    Attributes:
        axis: the axis that goes.
    """

    op: ClassVar[str] = "squeeze"

    axis: AxisArgument

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type without the axis.

        Reports: layer/unknown-axis, squeeze/not-one.
        """
        (x,) = inputs
        index = needs_axis(x, self.axis, self.op, check)
        if isinstance(index, Failed):
            return index
        size = x.sizes[index - 1]
        message = f"`squeeze` takes away axis {index} of {x}, whose size is {size} and not 1"
        failed = check.equal(size, 1, NOT_ONE, message, at="axis")
        return failed or x.with_axes(x.axes[: index - 1] + x.axes[index:])

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        axes = emit.constant([inputs[0].axis_index(self.axis) or 0], DType.INT64)
        return emit.node("Squeeze", [tensors[0], axes])


LAYERS: tuple[type[Layer], ...] = (Flatten, Reshape, Permute, Squeeze)
