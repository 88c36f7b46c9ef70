"""Fully connected layers: y = x · weightᵀ + bias over the last axis.

Sources: ONNX `Gemm` (opset 13) for (N, features); `MatMul` and `Add` where more axes stand before.
"""

from collections.abc import Sequence
from typing import ClassVar, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.errors import InternalError
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.graph.weight import KerasForm, Weight
from archc.layers.arguments import InitArgument, Positive, needs_float
from archc.layers.kernel import bias_weight
from archc.shapes.size import Size, product
from archc.shapes.tensor_type import CHANNELS, FEATURES, Axis, TensorType

NOT_FLAT = Rule(
    "dense/not-flat",
    "a dense layer has an image as its input",
    "It goes over the last axis, which must be features or channels, and not height or width.",
)
SYMBOLIC_FEATURES = Rule(
    "dense/symbolic-features",
    "the number of features that a dense layer takes depends on the size of the input",
    "Its weight has one column a feature, so it fits one number of features alone.",
)


@final
class Dense(Layer):
    """A fully connected layer over the last axis, which must be features or channels.

    (N, in) to (N, features = out); (N, …, in) to (N, …, out), at each position by itself. The
    weights are `weight` [out, in] and `bias` [out]. Source: ONNX `Gemm`.

    Attributes:
        out: the features that come out.
        bias: whether a learned number is added to each feature.
        init: how `weight` is drawn where no checkpoint gives it.
    """

    op: ClassVar[str] = "dense"
    features: ClassVar[Features] = "new"

    out: Positive
    bias: bool = True
    init: InitArgument | None = None

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The input with its last axis of the new size.

        Reports: layer/needs-float, dense/not-flat, dense/symbolic-features.
        """
        (x,) = inputs
        failed = needs_float(x, self.op, check)
        if failed is not None:
            return failed
        last = x.axes[-1] if x.axes else Axis("", 1)
        if last.name not in (FEATURES, CHANNELS):
            helps = ["`permute` the axes, so that channels come last"]
            if x.is_image:
                helps = ["put `flatten` before it, or `global_avg_pool: {keep_dims: false}`"]
            return check.error(
                NOT_FLAT,
                f"`dense` goes over the last axis, and that of its input {x} is "
                f"{last.name or 'neither features nor channels'}",
                helps=helps,
            )
        if not isinstance(last.size, int):
            return check.error(
                SYMBOLIC_FEATURES,
                f"`dense` needs a fixed number of features, but its input has {last.size}",
                helps=[
                    "put `global_avg_pool: {keep_dims: false}` in place of `flatten`",
                    "give the input fixed sizes",
                ],
            )
        name = FEATURES if x.rank == 2 else last.name
        return x.with_axes((*x.axes[:-1], Axis(name, self.out)))

    @override
    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:
        features = _features(inputs[0])
        weight = Weight(
            "weight",
            (self.out, features),
            "he_normal" if self.init is None else self.init,
            fan_in=features,
            fan_out=self.out,
            keras=KerasForm(("kernel",), (features, self.out), (1, 0)),
            inputs_axis=1,
            outputs_axis=0,
        )
        return (weight, bias_weight(self.out)) if self.bias else (weight,)

    @override
    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> Size:
        return product([*output.sizes, _features(inputs[0])])

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        weight = emit.weight("weight")
        bias = emit.weight("bias") if self.bias else None
        if inputs[0].rank == 2:
            return emit.node("Gemm", [tensors[0], weight, bias], transB=1)
        # The weight keeps its layout in the file; ONNX Runtime transposes it once, when it loads.
        columns = emit.node("Transpose", [weight], perm=[1, 0])
        result = emit.node("MatMul", [tensors[0], columns])
        return result if bias is None else emit.node("Add", [result, bias])


def _features(x: TensorType) -> int:
    size = x.axes[-1].size
    if not isinstance(size, int):
        raise InternalError(f"a dense layer has {size} features")
    return size


LAYERS: tuple[type[Layer], ...] = (Dense,)
