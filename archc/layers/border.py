"""More or less at the ends of an axis: pad puts elements on, slice takes a stretch out.

Any axes (N, …); the batch stays as it is.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer
from archc.layers.arguments import Natural, NaturalPair, Number, needs_float, pair, sides
from archc.layers.axes import AxisArgument, Signed, SymbolicSize, needs_axis
from archc.shapes.size import Form, Size, add, subtract
from archc.shapes.tensor_type import DType, TensorType

REFLECTS_TOO_FAR = Rule(
    "pad/reflects-too-far",
    "a reflecting pad is as wide as its axis, or wider",
    "A reflection repeats the elements beside the border without the border itself, so an axis of "
    "n elements has n − 1 to give.",
)
UNUSED_VALUE = Rule(
    "pad/unused-value",
    "a `pad` has a `value`, and a mode that does not use it",
    "`value` is what mode `zeros` puts in place of 0; the other modes repeat the input.",
)
OUT_OF_RANGE = Rule(
    "slice/out-of-range",
    "a `slice` starts or ends beyond its axis",
    "A slice that the axis cuts short would hide a mistake.",
)
EMPTY = Rule(
    "slice/empty",
    "a `slice` holds nothing",
    "A tensor without elements cannot be used by any layer.",
)

PadArgument: TypeAlias = (
    Natural | tuple[Natural, Natural] | tuple[Natural, Natural, Natural, Natural]
)


@final
class Pad(Layer):
    """(N, C, H, W) with `padding` put around height and width, and `channels` around channels.

    Source: ONNX Pad.

    Attributes:
        padding: the elements around the image: a number, [height, width], or [top, left, bottom,
            right].
        channels: the channels put before and after: a number, or [before, after].
        mode: what is put there: `zeros` puts `value`, `reflect` mirrors without repeating the
            border, `edge` repeats the border.
        value: what mode `zeros` puts in place of 0.
    """

    op: ClassVar[str] = "pad"

    padding: PadArgument
    channels: NaturalPair = 0
    mode: Literal["zeros", "reflect", "edge"] = "zeros"
    value: Number = 0.0

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type with the axes grown.

        Reports: layer/unknown-axis, pad/reflects-too-far, pad/unused-value, layer/needs-float.
        """
        (x,) = inputs
        failed = self._value_fault(x, check)
        if failed:
            return failed
        grown = x
        for axis, before, after in self._pads:
            at = "channels" if axis == "channels" else "padding"
            index = needs_axis(x, axis, self.op, check, at=at)
            if isinstance(index, Failed):
                return index
            failed = self._reflection_fault(x, index, max(before, after), at, check)
            if failed:
                return failed
            grown = grown.with_size(index, add(x.sizes[index - 1], before + after))
        return grown

    @property
    def _pads(self) -> list[tuple[Literal["channels", "height", "width"], int, int]]:
        """The axes that grow, each with what comes before and after."""
        around = sides(self.padding)
        assert around is not None, "`same` is no padding of a `pad`"
        pads: list[tuple[Literal["channels", "height", "width"], int, int]] = [
            ("channels", *pair(self.channels)),
            ("height", around.top, around.bottom),
            ("width", around.left, around.right),
        ]
        return [(axis, before, after) for axis, before, after in pads if before or after]

    def _value_fault(self, x: TensorType, check: Check) -> Failed | None:
        if self.value == 0.0:
            return None
        if self.mode != "zeros":
            message = f"`value: {self.value:g}` has no meaning in mode `{self.mode}`"
            helps = ["leave `value` out, or write `mode: zeros`"]
            return check.error(UNUSED_VALUE, message, at="value", helps=helps)
        return needs_float(x, self.op, check)

    def _reflection_fault(
        self, x: TensorType, index: int, pad: int, at: str, check: Check
    ) -> Failed | None:
        if self.mode != "reflect":
            return None
        name = x.axes[index - 1].name
        message = f"a pad of {pad} reflects beyond the {name} of the input {x}"
        size = x.sizes[index - 1]
        helps = ["`mode: edge` repeats the border as far as is wanted"]
        if isinstance(size, int) and size > 1:
            helps = [f"take at most {size - 1}, or `mode: edge`"]
        return check.at_least(size, pad + 1, REFLECTS_TOO_FAR, message, at=at, helps=helps)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if not self._pads:
            return tensors[0]
        before, after = [0] * output.rank, [0] * output.rank
        for axis, *amounts in self._pads:
            index = output.axis_index(axis) or 0
            before[index], after[index] = amounts
        operands = [tensors[0], emit.constant(before + after, DType.INT64)]
        if self.mode == "zeros" and output.dtype.is_float:
            operands.append(emit.constant(self.value, output.dtype))
        mode = "constant" if self.mode == "zeros" else self.mode
        return emit.node("Pad", operands, mode=mode)


@final
class Slice(Layer):
    """The elements of (N, …) from `start` to before `stop` along `axis`.

    A negative number counts from the end, as in Python; a size of the input may be passed on whole.
    Source: ONNX Slice.

    Attributes:
        start: the first element that is taken, counted from 0.
        stop: the first element that is not taken any more; left out, all to the end are.
        axis: the axis that is cut.
    """

    op: ClassVar[str] = "slice"

    start: Signed | SymbolicSize = 0
    stop: Signed | SymbolicSize | None = None
    axis: AxisArgument = "channels"

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type with the axis cut.

        Reports: layer/unknown-axis, slice/out-of-range, slice/empty.
        """
        (x,) = inputs
        index = needs_axis(x, self.axis, self.op, check)
        if isinstance(index, Failed):
            return index
        n = x.sizes[index - 1]
        failed = self._range_fault(x, n, check)
        if failed:
            return failed
        length = subtract(_place(self.stop, n), _place(self.start, n))
        message = f"{self._shown} holds nothing of the {n} elements along axis {index} of {x}"
        at = "start" if self.stop is None else "stop"
        return _demand(check, length, 1, EMPTY, message, at=at) or x.with_size(index, length)

    def _range_fault(self, x: TensorType, n: Size, check: Check) -> Failed | None:
        for at, bound in (("start", self.start), ("stop", self.stop)):
            if bound is None or bound == 0:
                continue
            spare = add(n, bound) if isinstance(bound, int) and bound < 0 else subtract(n, bound)
            message = f"`{at}: {bound}` lies beyond the {n} elements of the input {x}"
            failed = _demand(check, spare, 0, OUT_OF_RANGE, message, at=at)
            if failed:
                return failed
        return None

    @property
    def _shown(self) -> str:
        start = f"`start: {self.start}`"
        return start if self.stop is None else f"{start} with `stop: {self.stop}`"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if output == inputs[0]:
            return tensors[0]
        index = output.axis_index(self.axis) or 0
        start = _vector(emit, self.start)
        stop = emit.constant([_END], DType.INT64) if self.stop is None else _vector(emit, self.stop)
        return emit.node("Slice", [tensors[0], start, stop, emit.constant([index], DType.INT64)])


def _demand(
    check: Check, size: Size, least: int, rule: Rule, message: str, *, at: str
) -> Failed | None:
    """Demands size ≥ least of a difference of sizes, which may fall as an input grows."""
    if isinstance(size, Form) and (len(size.symbols) > 1 or not size.is_linear):
        falling = any(coefficient < 0 for _, coefficient in size.terms)
        if falling:  # no smallest input can answer for the larger ones
            return check.error(rule, message, at=at)
    return check.at_least(size, least, rule, message, at=at)


_END = 2**63 - 1
"""What ONNX Slice takes for the end of an axis of any size."""


def _place(bound: Size | None, n: Size) -> Size:
    """The position from the start that a bound means."""
    if bound is None:
        return n
    return add(n, bound) if isinstance(bound, int) and bound < 0 else bound


def _vector(emit: Emitter, bound: Size) -> Tensor:
    return emit.shape([bound]) if isinstance(bound, Form) else emit.constant([bound], DType.INT64)


LAYERS: tuple[type[Layer], ...] = (Pad, Slice)
