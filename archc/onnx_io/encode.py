"""A model as the pieces of its file: encoded bytes, and the weights that are streamed between them.

Fields stand in ascending order in every message, so that what the metadata say of the weights can
be known when it is written: the properties of a model (field 14) come after its graph (field 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from archc.graph.emitter import Attribute
from archc.onnx_io.model import ELEMENT_TYPES, InitializerDef, ModelDef, NodeDef, ValueDef
from archc.onnx_io.wire import block, head, integer, real, text

Piece: TypeAlias = bytes | InitializerDef
"""Bytes as they are, or a weight whose elements stand here."""

_FLOAT, _INT, _STRING, _FLOATS, _INTS = 1, 2, 3, 6, 7
_EXTERNAL = 1


def length_of(pieces: Iterable[Piece]) -> int:
    """The bytes that pieces take."""
    return sum(len(p) if isinstance(p, bytes) else p.length_bytes for p in pieces)


def encode_model(model: ModelDef, external: Mapping[str, tuple[str, int]]) -> list[Piece]:
    """The pieces of a ModelProto without its properties.

    Args:
        model: the model.
        external: for each weight that lies in another file, that file's name and the offset.
    """
    graph = _encode_graph(model, external)
    name, version = model.producer
    start = integer(1, model.ir_version) + text(2, name) + text(3, version)
    return [
        start + head(7, length_of(graph)),
        *graph,
        block(8, text(1, "") + integer(2, model.opset)),
    ]


def encode_properties(properties: Mapping[str, str]) -> bytes:
    """The `metadata_props` of a ModelProto, in the order of the mapping."""
    return b"".join(block(14, text(1, key) + text(2, properties[key])) for key in properties)


def encode_value(value: ValueDef) -> bytes:
    """A ValueInfoProto of a tensor."""
    dims = (integer(1, dim) if isinstance(dim, int) else text(2, dim) for dim in value.dims)
    shape = b"".join(block(1, dim) for dim in dims)
    tensor = integer(1, ELEMENT_TYPES[value.dtype]) + block(2, shape)
    return text(1, value.name) + block(2, block(1, tensor))


def _encode_graph(model: ModelDef, external: Mapping[str, tuple[str, int]]) -> list[Piece]:
    nodes = b"".join(block(1, _encode_node(node)) for node in model.nodes)
    pieces: list[Piece] = [nodes + text(2, model.name)]
    for initializer in model.initializers:
        pieces += _encode_initializer(initializer, external.get(initializer.name))
    inputs = b"".join(block(11, encode_value(value)) for value in model.inputs)
    outputs = b"".join(block(12, encode_value(value)) for value in model.outputs)
    return [*pieces, inputs + outputs]


def _encode_initializer(
    initializer: InitializerDef, external: tuple[str, int] | None
) -> list[Piece]:
    start = b"".join(integer(1, dim) for dim in initializer.dims)
    start += integer(2, ELEMENT_TYPES[initializer.dtype]) + text(8, initializer.name)
    if external is not None:
        location, offset = external
        entries = {"location": location, "offset": offset, "length": initializer.length_bytes}
        for key, value in entries.items():
            start += block(13, text(1, key) + text(2, str(value)))
        return [block(5, start + integer(14, _EXTERNAL))]
    start += head(9, initializer.length_bytes)
    whole = head(5, len(start) + initializer.length_bytes) + start
    if isinstance(initializer.source, bytes):
        return [whole + initializer.source]
    return [whole, initializer]


def _encode_node(node: NodeDef) -> bytes:
    parts = [text(1, name) for name in node.inputs]
    parts += [text(2, name) for name in node.outputs]
    parts += [text(3, node.name), text(4, node.op_type)]
    parts += [block(5, _encode_attribute(*item)) for item in node.attributes.items()]
    if node.domain:
        parts.append(text(7, node.domain))
    return b"".join(parts)


def _encode_attribute(name: str, value: Attribute) -> bytes:
    match value:
        case int():
            content, kind = integer(3, value), _INT
        case float():
            content, kind = real(2, value), _FLOAT
        case str():
            content, kind = text(4, value), _STRING
        case _:
            content, kind = _encode_list(value)
    return text(1, name) + content + integer(20, kind)


def _encode_list(values: Sequence[int] | Sequence[float]) -> tuple[bytes, int]:
    if any(isinstance(value, float) for value in values):
        return b"".join(real(7, value) for value in values), _FLOATS
    return b"".join(integer(8, int(value)) for value in values), _INTS
