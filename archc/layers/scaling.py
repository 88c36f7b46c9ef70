"""Factors and summands, one a channel or one for all, learned or fixed.

Sources: ONNX `Mul` and `Add` (opset 7).
"""

from collections.abc import Sequence
from typing import ClassVar, TypeAlias, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.graph.weight import Weight, along_channels
from archc.layers.arguments import (
    InitArgument,
    Number,
    PositiveNumber,
    known_channels,
    needs_channels,
    needs_float,
    needs_float_channels,
)
from archc.layers.channelwise import constant_along, weight_along
from archc.shapes.tensor_type import TensorType

NUMBERS = Rule(
    "layer/numbers-a-channel",
    "a list of numbers, one a channel, is shorter or longer than the channels",
    "A single number serves for all channels; a list gives each channel its own.",
)

Numbers: TypeAlias = Number | tuple[Number, ...]
"""A number for all channels, or one for each."""


@final
class Scale(Layer):
    """A product with a learned factor a channel, wherever that axis stands.

    The type stays as it is. The weight is `weight` [channels]. Source: ONNX `Mul`.

    Attributes:
        init: how `weight` is drawn where no checkpoint gives it: a number, or a distribution.
    """

    op: ClassVar[str] = "scale"
    features: ClassVar[Features] = "kept"

    init: InitArgument = 1.0

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-channels, layer/channels-unknown.
        """
        (x,) = inputs
        channels = needs_float_channels(x, self.op, check)
        return channels if isinstance(channels, Failed) else x

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        return (along_channels("weight", "gamma", known_channels(inputs[0]).count, self.init),)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        x = inputs[0]
        factor = weight_along(emit, emit.weight("weight"), known_channels(x), x)
        return emit.node("Mul", [tensors[0], factor])


class _ByFixed(Layer):
    """An ONNX operator of the input and a fixed number, or one a channel."""

    operator: ClassVar[str]
    features: ClassVar[Features] = "kept"

    by: Numbers

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-channels, layer/channels-unknown,
            layer/numbers-a-channel.
        """
        return _infer_fixed(inputs[0], self.op, {"by": self.by}, check)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return emit.node(self.operator, [tensors[0], _fixed(emit, self.by, inputs[0])])


@final
class Multiply(_ByFixed):
    """A product with a fixed number, or with one a channel.

    The type stays as it is. Source: ONNX `Mul`.

    Attributes:
        by: the number, or a list of one a channel.
    """

    op: ClassVar[str] = "multiply"
    operator: ClassVar[str] = "Mul"


@final
class Shift(_ByFixed):
    """A sum with a fixed number, or with one a channel.

    The type stays as it is. Source: ONNX `Add`.

    Attributes:
        by: the number, or a list of one a channel.
    """

    op: ClassVar[str] = "shift"
    operator: ClassVar[str] = "Add"


@final
class Normalize(Layer):
    """A fixed normalization of each channel: (x·scale − mean) / std.

    The type stays as it is. It is written as one ONNX `Mul` by scale / std and one `Add` of
    −mean / std, each where it changes anything.

    Attributes:
        mean: what is taken away, a number or a list of one a channel.
        std: what is divided by, above 0, a number or a list of one a channel.
        scale: the factor before both, a number or a list of one a channel.
    """

    op: ClassVar[str] = "normalize"
    features: ClassVar[Features] = "kept"

    mean: Numbers = 0.0
    std: PositiveNumber | tuple[PositiveNumber, ...] = 1.0
    scale: Numbers = 1.0

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the input.

        Reports: layer/needs-float, layer/needs-channels, layer/channels-unknown,
            layer/numbers-a-channel.
        """
        given = {"mean": self.mean, "std": self.std, "scale": self.scale}
        return _infer_fixed(inputs[0], self.op, given, check)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        (result,) = tensors
        factors = _divided(self.scale, self.std)
        summands = _divided(self.mean, self.std, sign=-1)
        if not _is_all(factors, 1.0):
            result = emit.node("Mul", [result, _fixed(emit, factors, inputs[0])])
        if not _is_all(summands, 0.0):
            result = emit.node("Add", [result, _fixed(emit, summands, inputs[0])])
        return result


def _infer_fixed(
    x: TensorType, op: str, given: dict[str, Numbers], check: Check
) -> TensorType | Failed:
    failed = needs_float(x, op, check)
    if failed is not None:
        return failed
    for name, numbers in given.items():
        if not isinstance(numbers, tuple):
            continue
        channels = needs_channels(x, op, check)
        if isinstance(channels, Failed):
            return channels
        if channels.count != len(numbers):
            failed = check.error(
                NUMBERS,
                f"`{name}` has {len(numbers)} numbers, but the input has {channels.count} channels",
                at=name,
                helps=["give one number for all channels, or one a channel"],
            )
    return failed or x


def _fixed(emit: Emitter, numbers: Numbers, x: TensorType) -> Tensor:
    if isinstance(numbers, tuple):
        return constant_along(emit, numbers, known_channels(x), x)
    return emit.constant(numbers, x.dtype)


def _divided(numbers: Numbers, by: Numbers, sign: int = 1) -> Numbers:
    if not isinstance(numbers, tuple) and not isinstance(by, tuple):
        return sign * numbers / by
    count = max(_count(numbers), _count(by))
    over = numbers if isinstance(numbers, tuple) else (numbers,) * count
    under = by if isinstance(by, tuple) else (by,) * count
    return tuple(sign * a / b for a, b in zip(over, under, strict=True))


def _is_all(numbers: Numbers, value: float) -> bool:
    return all(n == value for n in (numbers if isinstance(numbers, tuple) else (numbers,)))


def _count(numbers: Numbers) -> int:
    return len(numbers) if isinstance(numbers, tuple) else 0


LAYERS: tuple[type[Layer], ...] = (Scale, Multiply, Shift, Normalize)
