"""Images of another height and width: (N, C, H, W) to (N, C, H', W').

Nearest: y[i] = x[floor(i / scale)], scale = H' / H, exactly, without the rounding of a float scale.
Bilinear: x is read at (i + 1/2) / scale − 1/2, or at i · (H − 1) / (H' − 1) where corners align,
between its neighbours, the border repeated. Source: ONNX Resize; PyTorch interpolate.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Attribute, Emitter, Tensor
from archc.graph.layer import Check, Layer
from archc.layers.arguments import IntPair, Positive, needs_float, needs_image, pair
from archc.layers.axes import SymbolicSize
from archc.shapes.domain import Domains, restrict
from archc.shapes.size import Size, scale
from archc.shapes.tensor_type import HEIGHT, WIDTH, DType, TensorType

TARGET = Rule(
    "upsample/target",
    "an `upsample` has none or several of `factor`, `size` and `like`",
    "Each of them says how large the output is, so exactly one is given.",
)
CORNERS = Rule(
    "upsample/corners",
    "`align_corners` stands beside mode `nearest`",
    "Only bilinear interpolation reads between positions, so only there corners can be aligned.",
)
NO_SPACE = Rule(
    "upsample/like-no-image",
    "the layer at `like` gives no height and width",
    "`like` takes the height and width of another layer's output.",
)

SizeArgument: TypeAlias = (
    Positive | SymbolicSize | tuple[Positive | SymbolicSize, Positive | SymbolicSize]
)


@final
class Upsample(Layer):
    """(N, C, H, W) by a `factor`, to a `size`, or to the height and width of the layer at `like`.

    Exactly one of the three is given. Nearest is x[floor(i / scale)]; bilinear has half-pixel
    centres unless corners are aligned. Source: ONNX Resize.

    Attributes:
        factor: how many times the height and width: a number, or [height, width].
        size: the height and width that come out: a number, or [height, width], each of which may
            be a size of the input, passed on whole.
        like: the path of a layer whose height and width are taken.
        mode: `nearest` repeats elements, `bilinear` interpolates between them.
        align_corners: whether the first and last positions of input and output meet (bilinear).
    """

    op: ClassVar[str] = "upsample"
    path_argument: ClassVar[str | None] = "like"

    factor: IntPair | None = None
    size: SizeArgument | None = None
    like: str | None = None
    mode: Literal["nearest", "bilinear"] = "nearest"
    align_corners: bool = False

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the larger image.

        Reports: upsample/target, upsample/corners, upsample/like-no-image, layer/needs-image,
        layer/needs-float.
        """
        x = inputs[0]
        failed = (
            self._target_fault(check)
            or self._corners_fault(check)
            or needs_image(x, self.op, check)
            or needs_float(x, self.op, check)
        )
        if failed:
            return failed
        target = self._target(inputs, check)
        if isinstance(target, Failed):
            return target
        return TensorType.image(x.dtype, x.sizes[0], *target)

    def _target_fault(self, check: Check) -> Failed | None:
        given = [n for n in ("factor", "size", "like") if getattr(self, n) is not None]
        if len(given) == 1:
            return None
        if not given:
            return check.error(
                TARGET,
                "`upsample` needs one of `factor`, `size` and `like`",
                helps=["write `{upsample: 2}` for twice the height and width"],
            )
        both = ", ".join(f"`{name}`" for name in given[:-1]) + f" and `{given[-1]}`"
        return check.error(TARGET, f"`upsample` has {both}, but takes one of them", at=given[-1])

    def _corners_fault(self, check: Check) -> Failed | None:
        if not self.align_corners or self.mode == "bilinear":
            return None
        message = f"`align_corners` has no meaning in mode `{self.mode}`"
        return check.error(
            CORNERS, message, at="align_corners", helps=["write `mode: bilinear` beside it"]
        )

    def _target(self, inputs: tuple[TensorType, ...], check: Check) -> tuple[Size, Size] | Failed:
        _, height, width = inputs[0].sizes
        if self.factor is not None:
            by_height, by_width = pair(self.factor)
            return scale(height, by_height), scale(width, by_width)
        if self.size is not None:
            return self.size if isinstance(self.size, tuple) else (self.size, self.size)
        like = inputs[1]
        wanted = like.size(HEIGHT), like.size(WIDTH)
        if wanted[0] is None or wanted[1] is None:
            message = f"`like` names a layer that gives {like}, without height and width"
            return check.error(NO_SPACE, message, at="like")
        return wanted[0], wanted[1]

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        before, after = inputs[0].sizes[1:], output.sizes[1:]
        if before == after:
            return tensors[0]
        factors = [_factor(n, m, emit.domains) for n, m in zip(before, after, strict=True)]
        if None not in factors:
            scales = emit.constant([1.0, 1.0, *(float(f or 1) for f in factors)], DType.FLOAT32)
            return self._resize(emit, [tensors[0], None, scales])
        if self.mode == "nearest":
            y = tensors[0]
            for axis, n, m in zip((2, 3), before, after, strict=True):
                y = y if n == m else emit.node("Gather", [y, _nearest(emit, n, m)], axis=axis)
            return y
        if emit.opset >= 18:
            sizes = emit.shape(after)
            return self._resize(emit, [tensors[0], None, None, sizes], axes=[2, 3])
        return self._resize(emit, [tensors[0], None, None, emit.shape([None, *output.sizes])])

    def _resize(
        self, emit: Emitter, operands: Sequence[Tensor | None], **attributes: Attribute
    ) -> Tensor:
        if self.mode == "nearest":
            attributes |= {
                "mode": "nearest",
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            }
        else:
            corners = "align_corners" if self.align_corners else "half_pixel"
            attributes |= {"mode": "linear", "coordinate_transformation_mode": corners}
        return emit.node("Resize", operands, **attributes)


def _factor(n: Size, m: Size, domains: Domains) -> int | None:
    """The whole number k with m = k·n for every admitted input, if there is one."""
    n, m = restrict(n, domains), restrict(m, domains)
    if isinstance(n, int):
        return m // n if isinstance(m, int) and m % n == 0 else None
    if isinstance(m, int):
        return None
    k = m.terms[0][1] // n.terms[0][1]
    return k if k >= 1 and scale(n, k) == m else None


def _nearest(emit: Emitter, n: Size, m: Size) -> Tensor:
    """The positions floor(i·n / m) for i below m.

    In integers, because Resize divides by a float scale, and falls one position short where it
    should meet one exactly (14 to 2, for example).
    """
    if isinstance(n, int) and isinstance(m, int):
        return emit.constant([i * n // m for i in range(m)], DType.INT64)
    numbers = [emit.constant(number, DType.INT64) for number in (0, 1)]
    end = emit.node("Squeeze", [emit.shape([m]), emit.constant([0], DType.INT64)])
    steps = emit.node("Range", [numbers[0], end, numbers[1]])
    return emit.node("Div", [emit.node("Mul", [steps, emit.shape([n])]), emit.shape([m])])


LAYERS: tuple[type[Layer], ...] = (Upsample,)
