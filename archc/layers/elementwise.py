"""Plain arithmetic on each element: y = f(x); any axes (N, …), type unchanged."""

from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.layers.arguments import Number
from archc.layers.pointwise import Pointwise, PointwiseOperator
from archc.shapes.tensor_type import TensorType

NO_BOUND = Rule(
    "clip/no-bound",
    "`clip` has neither `min` nor `max`",
    "Without a bound nothing is clipped; `identity` says so.",
)
EMPTY_RANGE = Rule(
    "clip/empty-range",
    "`min` of a `clip` is above its `max`",
    "No number is at least `min` and at most `max` then, and runtimes disagree on what comes out.",
)


@final
class Identity(Layer):
    """y = x, of any axes (N, …) and element type; nothing is written for it.

    Source: ONNX Identity.
    """

    op: ClassVar[str] = "identity"
    is_inert: ClassVar[bool] = True
    features: ClassVar[Features] = "kept"

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType:
        (x,) = inputs
        return x

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return tensors[0]


@final
class Abs(PointwiseOperator):
    """y = |x|, elementwise over any axes (N, …).

    Source: ONNX Abs.
    """

    op: ClassVar[str] = "abs"
    operator: ClassVar[str] = "Abs"


@final
class Sqrt(PointwiseOperator):
    """y = √x, NaN below 0, elementwise over any axes (N, …).

    Source: ONNX Sqrt.
    """

    op: ClassVar[str] = "sqrt"
    operator: ClassVar[str] = "Sqrt"


@final
class Square(Pointwise):
    """y = x · x, elementwise over any axes (N, …).

    Source: ONNX Mul, which costs less than Pow.
    """

    op: ClassVar[str] = "square"

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node("Mul", [tensors[0], tensors[0]])


@final
class Clip(Pointwise):
    """y = x, but at least `min` and at most `max`, elementwise over any axes (N, …).

    One of the bounds may be left out. Source: ONNX Clip.

    Attributes:
        min: the least number that comes out.
        max: the largest number that comes out.
    """

    op: ClassVar[str] = "clip"

    min: Number | None = None
    max: Number | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: clip/no-bound, clip/empty-range, layer/needs-float.
        """
        if self.min is None and self.max is None:
            return check.error(
                NO_BOUND,
                "`clip` needs `min`, `max` or both",
                helps=["write `{clip: {min: 0, max: 1}}` with the bounds that are meant"],
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            return check.error(
                EMPTY_RANGE,
                f"`min: {self.min:g}` is above `max: {self.max:g}`",
                at="min",
                helps=[f"write `min: {self.max:g}, max: {self.min:g}`"],
            )
        return super().infer(inputs, check)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        bounds = [
            None if bound is None else emit.constant(bound, output.dtype)
            for bound in (self.min, self.max)
        ]
        return emit.node("Clip", [tensors[0], *bounds])


LAYERS: tuple[type[Layer], ...] = (Identity, Abs, Sqrt, Square, Clip)
