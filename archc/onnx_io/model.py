"""What is written: a model as plain values, with sources instead of elements for its weights.

The names follow the messages of ONNX: ModelProto, NodeProto, ValueInfoProto and TensorProto.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from archc.graph.emitter import Attribute
from archc.graph.weight import WeightSource
from archc.shapes.size import Size
from archc.shapes.tensor_type import DType, TensorType
from archc.version import __version__

BATCH = "N"
"""The name of the batch axis of every input and output."""

ELEMENT_TYPES: Mapping[DType, int] = {
    DType.FLOAT32: 1,
    DType.UINT8: 2,
    DType.INT64: 7,
    DType.FLOAT16: 10,
}
"""TensorProto.DataType of each element type."""

IR_VERSIONS: Mapping[int, int] = {
    13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10
}  # fmt: skip
"""The versions of the default ONNX domain that can be written, each with the IR version that was
released with it (ONNX, docs/Versioning.md)."""

OPSETS = range(min(IR_VERSIONS), max(IR_VERSIONS) + 1)
"""The versions of the default ONNX domain that can be written."""

DEFAULT_OPSET = 17
"""The version that is written where none is asked for."""


@dataclass(frozen=True, slots=True)
class NodeDef:
    """An operator applied: an empty name among the inputs leaves that input out."""

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""


@dataclass(frozen=True, slots=True)
class ValueDef:
    """An input or output of the model: a size is a number or a name, the batch first."""

    name: str
    dtype: DType
    dims: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class InitializerDef:
    """A constant of the model: a weight where it has a source, else its few bytes themselves.

    Attributes:
        name: the full name; of a weight, its key in a checkpoint.
        dtype: the element type that is written.
        dims: the sizes that are written.
        source: where a weight's elements come from, or the little-endian bytes in C order.
    """

    name: str
    dtype: DType
    dims: tuple[int, ...]
    source: WeightSource | bytes

    @property
    def length_bytes(self) -> int:
        """The bytes that its elements take."""
        return math.prod(self.dims) * self.dtype.size_bytes


@dataclass(frozen=True, slots=True)
class ModelDef:
    """A whole model.

    Attributes:
        name: the name of its graph.
        nodes: the operators in an order in which they can run.
        inputs: what it takes.
        outputs: what it gives.
        initializers: weights and constants in the order of their first use.
        opset: the version of the default ONNX domain.
        metadata: further properties, kept in this order.
        producer: the name and the version of what made it.
    """

    name: str
    nodes: tuple[NodeDef, ...]
    inputs: tuple[ValueDef, ...]
    outputs: tuple[ValueDef, ...]
    initializers: tuple[InitializerDef, ...]
    opset: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    producer: tuple[str, str] = ("archc", __version__)

    @property
    def ir_version(self) -> int:
        """The version of the format, released with the opset."""
        return IR_VERSIONS[self.opset]

    @property
    def weights_bytes(self) -> int:
        """The bytes that all weights take, without the constants."""
        return sum(i.length_bytes for i in self.initializers if not isinstance(i.source, bytes))


def value_of(name: str, tensor: TensorType, *, nhwc: bool = False) -> ValueDef:
    """A value of this type, the batch axis first; a symbolic size is named by its form."""
    sizes = [_dim(size) for size in tensor.sizes]
    if nhwc:
        sizes = [*sizes[1:], sizes[0]]
    return ValueDef(name, tensor.dtype, (BATCH, *sizes))


def _dim(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size).replace("·", "*")
