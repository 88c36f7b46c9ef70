"""What a layer writes its ONNX form with. Layers never see onnx itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

from archc.shapes.domain import Domains
from archc.shapes.size import Size
from archc.shapes.tensor_type import DType

Attribute: TypeAlias = int | float | str | Sequence[int] | Sequence[float]
"""An attribute of a node: int, float, string, or a list of ints or floats, told by Python type."""


class Tensor(NamedTuple):
    """A value of the graph that is written: its name there."""

    name: str


class Emitter(Protocol):
    """Adds nodes for the layer that is being lowered; names follow from the layer's path."""

    @property
    def opset(self) -> int:
        """The version of the default ONNX domain that is written."""

    @property
    def domains(self) -> Domains:
        """The admitted values of the symbols."""

    def node(
        self, op_type: str, inputs: Sequence[Tensor | None], /, **attributes: Attribute | None
    ) -> Tensor:
        """Adds a node with one output; an input that is None is left out, so is such an attribute.

        Axes of inputs and attributes are ONNX's, with the batch as 0.
        """

    def nodes(
        self,
        op_type: str,
        inputs: Sequence[Tensor | None],
        outputs: int,
        /,
        **attributes: Attribute | None,
    ) -> tuple[Tensor, ...]:
        """Adds a node with several outputs."""

    def weight(self, name: str) -> Tensor:
        """The layer's weight of this name, an initializer under its full name."""

    def constant(self, values: object, dtype: DType) -> Tensor:
        """A small constant (nested lists or tuples of numbers, or a number) as an initializer."""

    def shape(self, sizes: Sequence[Size | None]) -> Tensor:
        """An int64 vector of sizes for Reshape, Resize and the like; None stands for the batch N.

        Known sizes become a constant; symbolic ones are computed in the graph from its inputs.
        """

    def side_output(self, name: str, tensor: Tensor) -> None:
        """Keeps a further tensor of this layer, such as the indices of a pool, for later layers."""

    def side_of(self, name: str) -> Tensor | None:
        """The side output that the layer at this layer's path argument has kept."""

    @property
    def wanted_sides(self) -> frozenset[str]:
        """The side outputs of this layer that later layers will ask for."""
