"""Pools that give an image of a fixed size, whatever the size of the input.

Along an axis from n to m, window i covers the elements from floor(i·n/m) to ceil((i + 1)·n/m), the
end exclusive. Where the windows are alike and evenly spaced, as they are when m divides n, this is
a plain pool. Else height and width are pooled one after the other: means as products with a
constant matrix, maxima as gathered windows. Sources: PyTorch `AdaptiveAvgPool2d`; ONNX
`AveragePool`, `MaxPool`, `MatMul`, `Gather`, `ReduceMean` and `ReduceMax` (opset 13 and 18).
"""

import itertools
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer, Reach
from archc.layers.arguments import IntPair, needs_float, needs_image, pair
from archc.layers.windows import spatial
from archc.shapes.size import Size
from archc.shapes.tensor_type import HEIGHT, WIDTH, Axis, DType, TensorType

SYMBOLIC_SIZE = Rule(
    "adaptive_pool/symbolic-size",
    "an adaptive pool to more than one element has an input whose size is not fixed",
    "The places of its windows follow from that size, and the model holds them as numbers.",
)

REDUCE_AXES_INPUT_OPSET = 18


class _AdaptivePool(Layer):
    """A grid of windows of a fixed number: a plain pool where they are alike, else axis by axis."""

    pool_operator: ClassVar[str]
    reduce_operator: ClassVar[str]

    size: IntPair

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The image of all windows.

        Reports: layer/needs-float, layer/needs-image, adaptive_pool/symbolic-size.
        """
        return _infer(inputs[0], self.op, pair(self.size), check)

    @override
    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:
        return _reach(inputs[0], pair(self.size))

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        x, size = inputs[0], pair(self.size)
        result = _as_plain_pool(emit, tensors[0], x, size, self.pool_operator)
        if result is not None:
            return result
        result = tensors[0]
        for axis, n, m in zip((2, 3), spatial(x), size, strict=True):
            if not isinstance(n, int):
                result = _reduce(emit, self.reduce_operator, result, axis, keepdims=1)
            elif n != m:
                result = self.along(emit, result, axis, _spans(n, m), x.dtype)
        return result

    @abstractmethod
    def along(
        self, emit: Emitter, tensor: Tensor, axis: int, spans: list[tuple[int, int]], dtype: DType
    ) -> Tensor:
        """The pool along one axis over these spans, each a start and an end, exclusive."""


@final
class AdaptiveAvgPool(_AdaptivePool):
    """The means of a grid of windows of a fixed number, channel by channel.

    (N, channels, h, w) to (N, channels, *size). Source: PyTorch `AdaptiveAvgPool2d`.

    Attributes:
        size: height and width of the output.
    """

    op: ClassVar[str] = "adaptive_avg_pool"
    pool_operator: ClassVar[str] = "AveragePool"
    reduce_operator: ClassVar[str] = "ReduceMean"

    @override
    def along(
        self, emit: Emitter, tensor: Tensor, axis: int, spans: list[tuple[int, int]], dtype: DType
    ) -> Tensor:
        return _by_matrix(emit, tensor, axis, spans, dtype)


@final
class AdaptiveMaxPool(_AdaptivePool):
    """The largest elements of a grid of windows of a fixed number, channel by channel.

    (N, channels, h, w) to (N, channels, *size). Source: PyTorch `AdaptiveMaxPool2d`.

    Attributes:
        size: height and width of the output.
    """

    op: ClassVar[str] = "adaptive_max_pool"
    pool_operator: ClassVar[str] = "MaxPool"
    reduce_operator: ClassVar[str] = "ReduceMax"

    @override
    def along(
        self, emit: Emitter, tensor: Tensor, axis: int, spans: list[tuple[int, int]], dtype: DType
    ) -> Tensor:
        return _gathered_maxima(emit, tensor, axis, spans)


def _infer(x: TensorType, op: str, size: tuple[int, int], check: Check) -> TensorType | Failed:
    failed = needs_float(x, op, check) or needs_image(x, op, check)
    if failed is not None:
        return failed
    for n, m, lines in zip(spatial(x), size, ("rows", "columns"), strict=True):
        if not isinstance(n, int) and m != 1:
            return check.error(
                SYMBOLIC_SIZE,
                f"`{op}` to {m} {lines} needs a fixed number of them, but its input has {n}",
                at="size",
                helps=["take size 1, or give the input fixed sizes"],
            )
    return x.with_axes((x.axes[0], Axis(HEIGHT, size[0]), Axis(WIDTH, size[1])))


def _spans(n: int, m: int) -> list[tuple[int, int]]:
    """The start and the end, exclusive, of each of m windows over n elements."""
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _even_windows(n: Size, m: int) -> tuple[int, int] | None:
    """The kernel and the stride of the m windows over n, if they are alike and evenly spaced."""
    if not isinstance(n, int):
        return None
    if n % m == 0:
        return n // m, n // m
    spans = _spans(n, m)
    (kernel, *others) = {end - start for start, end in spans}
    steps = {b[0] - a[0] for a, b in itertools.pairwise(spans)}
    if others or len(steps) != 1 or 0 in steps:
        return None
    return kernel, steps.pop()


def _reach(x: TensorType, size: tuple[int, int]) -> Reach | None:
    """Of the largest windows, and their mean step, where the input's size is fixed."""
    extents, strides = [], []
    for n, m in zip(spatial(x), size, strict=True):
        if not isinstance(n, int):
            return None
        extents.append(max(end - start for start, end in _spans(n, m)))
        strides.append(max(n // m, 1))
    return Reach((extents[0], extents[1]), (strides[0], strides[1]))


def _as_plain_pool(
    emit: Emitter, image: Tensor, x: TensorType, size: tuple[int, int], operator: str
) -> Tensor | None:
    """The pool as one operator, over windows or over the whole image, or None where it is not."""
    if size == (1, 1):
        return emit.node(f"Global{operator}", [image])
    windows = [_even_windows(n, m) for n, m in zip(spatial(x), size, strict=True)]
    known = [pair for pair in windows if pair is not None]
    if len(known) < 2:
        return None
    kernels, strides = ([pair[i] for pair in known] for i in (0, 1))
    if kernels == strides == [1, 1]:
        return image
    return emit.node(operator, [image], kernel_shape=kernels, strides=strides)


def _by_matrix(
    emit: Emitter, image: Tensor, axis: int, spans: Sequence[tuple[int, int]], dtype: DType
) -> Tensor:
    """The means along an axis, as a product with the shares that elements have in windows."""
    count = spans[-1][1]
    shares = [
        [1 / (end - start) if start <= j < end else 0.0 for j in range(count)]
        for start, end in spans
    ]
    if axis == 2:
        return emit.node("MatMul", [emit.constant(shares, dtype), image])
    columns = [list(column) for column in zip(*shares, strict=True)]
    return emit.node("MatMul", [image, emit.constant(columns, dtype)])


def _gathered_maxima(
    emit: Emitter, image: Tensor, axis: int, spans: Sequence[tuple[int, int]]
) -> Tensor:
    """The maxima along an axis; shorter windows repeat their last element."""
    longest = max(end - start for start, end in spans)
    places = [[min(start + j, end - 1) for j in range(longest)] for start, end in spans]
    taken = emit.node("Gather", [image, emit.constant(places, DType.INT64)], axis=axis)
    return _reduce(emit, "ReduceMax", taken, axis + 1, keepdims=0)


def _reduce(emit: Emitter, operator: str, tensor: Tensor, axis: int, *, keepdims: int) -> Tensor:
    if emit.opset < REDUCE_AXES_INPUT_OPSET:
        return emit.node(operator, [tensor], axes=[axis], keepdims=keepdims)
    return emit.node(operator, [tensor, emit.constant([axis], DType.INT64)], keepdims=keepdims)


LAYERS: tuple[type[Layer], ...] = (AdaptiveAvgPool, AdaptiveMaxPool)
