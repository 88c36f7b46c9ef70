"""Unpooling: values go back to where a max pool found its maxima, and all else is 0.

Sources: Badrinarayanan et al., SegNet, 2015; ONNX `MaxUnpool`, written as `ScatterElements` (opset
13), which takes every element type and any size that entered the pool.
"""

from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.errors import InternalError
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Layer
from archc.layers.arguments import needs_float, needs_image
from archc.shapes.tensor_type import DType, TensorType

SHAPE = Rule(
    "max_unpool/shape",
    "what is to be put back has not the shape that came out of the pool",
    "There is a place for each maximum that the pool found, so there must be a value for each.",
)


@final
class MaxUnpool(Layer):
    """Puts values where a max pool found its maxima; all other elements are 0.

    (N, channels, h', w'), as it came out of the pool, to (N, channels, h, w), as it entered. Where
    windows overlap and have one maximum, one of their values stays.

    Attributes:
        of: the path of the pooling layer, a `max_pool`.
    """

    op: ClassVar[str] = "max_unpool"
    path_argument: ClassVar[str | None] = "of"
    path_side: ClassVar[str | None] = "indices"

    of: str

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The shape that entered the pool; the inputs are x, the pool's output and its input.

        Reports: layer/needs-float, layer/needs-image, max_unpool/shape.
        """
        x, pooled, entered = inputs
        failed = needs_float(x, self.op, check) or needs_image(x, self.op, check)
        if failed is not None:
            return failed
        for axis, found in zip(x.axes, pooled.sizes, strict=True):
            failed = check.equal(
                axis.size,
                found,
                SHAPE,
                f"the input has {axis.size} {_LINES[axis.name]}, but `{self.of}` gave {found}",
                at="of",
            )
            if failed is not None:
                return failed
        return TensorType(x.dtype, entered.axes)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        indices = emit.side_of("indices")
        if indices is None:
            raise InternalError(f"`{self.of}` kept no indices")
        shape = emit.shape([None, *output.sizes])
        zeros = emit.node("Expand", [emit.constant(0.0, output.dtype), shape])
        flat = emit.constant([-1], DType.INT64)
        row, places, values = (
            emit.node("Reshape", [tensor, flat]) for tensor in (zeros, indices, tensors[0])
        )
        # Indices count through the whole batch, so the scatter goes over all of it at once.
        row = emit.node("ScatterElements", [row, places, values], axis=0)
        return emit.node("Reshape", [row, shape])


_LINES = {"channels": "channels", "height": "rows", "width": "columns"}

LAYERS: tuple[type[Layer], ...] = (MaxUnpool,)
