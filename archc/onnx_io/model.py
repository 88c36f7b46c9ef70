"""What is written: a model as plain values, with sources instead of elements for its weights.

The names follow the messages of ONNX: ModelProto, NodeProto, ValueInfoProto and TensorProto.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

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


class OtherType(NamedTuple):
    """An element type that no layer has, of a model that archc did not make.

    Attributes:
        value: its name.
        code: its TensorProto.DataType; 0 for what is no tensor.
        bits: the bits of an element; 0 where that depends on the element.
    """

    value: str
    code: int
    bits: int


ValueType: TypeAlias = DType | OtherType
"""The element type of anything in a model."""


def code_of(dtype: ValueType) -> int:
    """The TensorProto.DataType of an element type."""
    return ELEMENT_TYPES[dtype] if isinstance(dtype, DType) else dtype.code


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
    """An operator applied: an empty name among the inputs leaves that input out.

    `encoded` is the whole NodeProto of a node that another program wrote. It is written as it is,
    and its attributes are in there alone; `archc.onnx_io.renaming` changes its inputs.
    """

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""
    encoded: bytes | None = None


@dataclass(frozen=True, slots=True)
class ValueDef:
    """An input or output of the model: a size is a number or a name, the batch first.

    Of a model that another program wrote, a size that is not said is an empty name, `is_ranked`
    is false where no sizes are declared at all, and `encoded` is the whole ValueInfoProto, which
    is written as it is.
    """

    name: str
    dtype: ValueType
    dims: tuple[int | str, ...]
    is_ranked: bool = True
    encoded: bytes | None = None

    def with_dims(self, dims: tuple[int | str, ...]) -> ValueDef:
        """The same value with other sizes."""
        return replace(self, dims=dims, is_ranked=True, encoded=None)


@dataclass(frozen=True, slots=True)
class InitializerDef:
    """A constant of the model: a weight where it has a source, else its few bytes themselves.

    Attributes:
        name: the full name; of a weight, its key in a checkpoint.
        dtype: the element type that is written.
        dims: the sizes that are written.
        source: where a weight's elements come from, or the little-endian bytes in C order.
        rest: further fields of its TensorProto that another program wrote.
        encoded: the whole TensorProto of a tensor that is passed on as another program wrote it,
            in place of all but the name.
    """

    name: str
    dtype: ValueType
    dims: tuple[int, ...]
    source: WeightSource | bytes
    rest: bytes = b""
    encoded: bytes | None = None

    @property
    def length_bytes(self) -> int:
        """The bytes that its elements take."""
        if isinstance(self.dtype, OtherType):
            return -(-math.prod(self.dims) * self.dtype.bits // 8)
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
        ir: the version of the format, where it is not the one that was released with the opset.
        other_opsets: the versions of other domains of operators.
        values: types that are declared for values between inputs and outputs.
        graph_rest: further fields of the GraphProto that another program wrote.
        rest: further fields of the ModelProto that another program wrote, functions among them.
    """

    name: str
    nodes: tuple[NodeDef, ...]
    inputs: tuple[ValueDef, ...]
    outputs: tuple[ValueDef, ...]
    initializers: tuple[InitializerDef, ...]
    opset: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    producer: tuple[str, str] = ("archc", __version__)
    ir: int | None = None
    other_opsets: tuple[tuple[str, int], ...] = ()
    values: tuple[ValueDef, ...] = ()
    graph_rest: bytes = b""
    rest: bytes = b""

    @property
    def ir_version(self) -> int:
        """The version of the format, released with the opset unless another one is said."""
        return IR_VERSIONS[self.opset] if self.ir is None else self.ir

    @property
    def weights_bytes(self) -> int:
        """The bytes that all weights take, without the constants."""
        return sum(i.length_bytes for i in self.initializers if not isinstance(i.source, bytes))

    @property
    def layer_values(self) -> dict[str, str]:
        """What each node gives, by the node's name and by its own.

        A layer of a spec is found by its path. A node of several values stands for the first.
        """
        found = {value: value for node in self.nodes for value in node.outputs if value}
        for node in self.nodes:
            if node.name and node.outputs:
                found.setdefault(node.name, node.outputs[0])
        return found


def value_of(name: str, tensor: TensorType, *, nhwc: bool = False) -> ValueDef:
    """A value of this type, the batch axis first; a symbolic size is named by its form."""
    sizes = [_dim(size) for size in tensor.sizes]
    if nhwc:
        sizes = [*sizes[1:], sizes[0]]
    return ValueDef(name, tensor.dtype, (BATCH, *sizes))


def _dim(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size).replace("·", "*")
