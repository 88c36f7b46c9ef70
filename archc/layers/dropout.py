"""Layers that drop parts at random while training: y = x at inference, and nothing is written."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, final

from annotated_types import Ge, Le
from typing_extensions import override

from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.shapes.tensor_type import TensorType


class _Dropped(Layer):
    """A layer that is the identity at inference, of any axes (N, …) and element type."""

    is_inert: ClassVar[bool] = True
    features: ClassVar[Features] = "kept"

    rate: Annotated[float, Ge(0), Le(1)]

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
class Dropout(_Dropped):
    """y = x of (N, …) at inference; in training each element is 0 with probability `rate`.

    Source: ONNX Dropout; Srivastava et al., Dropout, 2014.

    Attributes:
        rate: the probability, from 0 to 1; of no effect at inference.
    """

    op: ClassVar[str] = "dropout"


@final
class StochasticDepth(_Dropped):
    """y = x of (N, …) at inference; in training a whole sample is 0 with probability `rate`.

    It ends a residual branch, whose sum is then its shortcut alone. Source: Huang et al., Deep
    networks with stochastic depth, 2016.

    Attributes:
        rate: the probability, from 0 to 1; of no effect at inference.
    """

    op: ClassVar[str] = "stochastic_depth"


LAYERS: tuple[type[Layer], ...] = (Dropout, StochasticDepth)
