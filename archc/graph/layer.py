"""The contract of a layer: one frozen Pydantic model with the answers that stages ask for.

The fields are the arguments as a spec writes them, the principal one first. `infer` gives the type
of the output, `weights` the arrays owned, `macs` and `reach` the cost, `lower` the ONNX form.
What is special about a layer is a trait of its class; no stage names a layer.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.weight import Weight
from archc.shapes.domain import Domains
from archc.shapes.size import Size
from archc.shapes.tensor_type import TensorType
from archc.shapes.window import Window

Features: TypeAlias = Literal["kept", "chained", "new", "mixed"]
"""What a layer does to flat features; see `Layer`."""


class Reach(NamedTuple):
    """How a layer extends the receptive field along height and width: windows and their strides."""

    extent: tuple[int, int]
    stride: tuple[int, int]


class Check(Protocol):
    """What a layer reports its mistakes and demands with, while its type is inferred.

    `at` names the argument at fault (else the whole layer is marked); `branch` the branch of a
    merge.
    """

    @property
    def domains(self) -> Domains:
        """The admitted values of the symbols."""

    def error(
        self,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        label: str = "",
        branch_labels: Mapping[int, str] = {},
        axis: int | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed:
        """Reports an error at an argument, a branch or the layer.

        `axis`, 0 for the first after the batch, is the one whose size is at fault: the layers that
        gave it are shown.
        """

    def holds(self, size: Size, least: int) -> bool:
        """Demands size ≥ least as `at_least` does, without a word where that cannot be."""

    def at_least(
        self,
        size: Size,
        least: int,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed | None:
        """Demands size ≥ least: an error for a number, a bound on the input for a form."""

    def divisible(
        self, size: Size, by: int, rule: Rule, message: str, *, at: str | None = None
    ) -> Failed | None:
        """Demands that `by` divides size; the error for a form shows the `where` to write."""

    def equal(
        self,
        a: Size,
        b: Size,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        branch_labels: Mapping[int, str] = {},
        axis: int | None = None,
        helps: Iterable[str] = (),
        also: Sequence[tuple[Size, Size]] = (),
    ) -> Failed | None:
        """Demands a = b for every admitted input; the error says where they would be equal.

        `helps` stand where no condition on the input would help. `also` holds pairs that have to be
        equal too, so that the help mends all of them at once.
        """


class Layer(BaseModel, ABC):
    """A kind of layer with its arguments.

    Class traits:
        op: the name in a spec.
        takes_branches: a merge; its inputs are its branches.
        path_argument: the field whose value is a path; that layer's output is the second input.
        path_side: the side output that this layer wants of the layer at its path argument; the
            first input of that layer is then this layer's third.
        side_outputs: the side outputs that other layers may want of this one.
        is_inert: does nothing at inference.
        is_probability: the output sums to one over channels, as softmax's does.
        features: what becomes of flat features: each stays in its place (`kept`), those of the
            branches follow each other (`chained`), new ones are made (`new`), or else (`mixed`).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, defer_build=True, arbitrary_types_allowed=True
    )

    op: ClassVar[str]
    takes_branches: ClassVar[bool] = False
    path_argument: ClassVar[str | None] = None
    path_side: ClassVar[str | None] = None
    side_outputs: ClassVar[frozenset[str]] = frozenset()
    is_inert: ClassVar[bool] = False
    is_probability: ClassVar[bool] = False
    features: ClassVar[Features] = "mixed"

    @abstractmethod
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the output for these inputs, or the token of a reported mistake."""

    def check_arguments(self, check: Check) -> Failed | None:  # noqa: ARG002
        """What is wrong with the arguments by themselves, reported whatever comes in."""
        return None

    @property
    def implied(self) -> Mapping[str, object]:
        """The arguments that are left out and follow from others, such as a pool's stride."""
        return {}

    def weights(self, inputs: tuple[TensorType, ...]) -> tuple[Weight, ...]:  # noqa: ARG002
        """The weights owned, in the order that checkpoints list them."""
        return ()

    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> Size:  # noqa: ARG002
        """Multiply-accumulates a sample; convolutions and dense layers alone have them."""
        return 0

    def reach(self, inputs: tuple[TensorType, ...]) -> Reach | None:  # noqa: ARG002
        """How the receptive field grows here; None leaves it as it is."""
        return None

    @property
    def sliding(self) -> tuple[Window, Window] | None:
        """The windows that slide along height and width, where the layer has such."""
        return None

    @abstractmethod
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        """Writes the layer's nodes and gives the tensor that is its output."""
