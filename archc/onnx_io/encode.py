"""A model as the pieces of its file: encoded bytes, and the weights that are streamed between them.

Fields stand in ascending order in every message, so that what the metadata say of the weights can
be known when it is written: the properties of a model (field 14) come after its graph (field 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from archc.graph.emitter import Attribute
from archc.onnx_io.model import InitializerDef, ModelDef, NodeDef, ValueDef, code_of
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
        _encode_opsets(model) + model.rest,
    ]


def encode_structure(model: ModelDef) -> bytes:
    """A ModelProto without its properties, its weights lying in another file, which is not made."""
    weights = (i for i in model.initializers if not isinstance(i.source, bytes))
    elsewhere = {weight.name: ("weights", 0) for weight in weights}
    pieces = encode_model(model, elsewhere)
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def encode_properties(properties: Mapping[str, str]) -> bytes:
    """The `metadata_props` of a ModelProto, in the order of the mapping."""
    return b"".join(block(14, text(1, key) + text(2, properties[key])) for key in properties)


def encode_value(value: ValueDef) -> bytes:
    """A ValueInfoProto of a tensor."""
    if value.encoded is not None:
        return value.encoded
    tensor = integer(1, code_of(value.dtype))
    if value.is_ranked:
        tensor += block(2, b"".join(block(1, _encode_dim(dim)) for dim in value.dims))
    return text(1, value.name) + block(2, block(1, tensor))


def _encode_dim(dim: int | str) -> bytes:
    if isinstance(dim, int):
        return integer(1, dim)
    return text(2, dim) if dim else b""


def _encode_opsets(model: ModelDef) -> bytes:
    own = (("", model.opset),) if model.opset else ()
    return b"".join(
        block(8, text(1, domain) + integer(2, version))
        for domain, version in (*own, *model.other_opsets)
    )


def _encode_graph(model: ModelDef, external: Mapping[str, tuple[str, int]]) -> list[Piece]:
    nodes = b"".join(block(1, _encode_node(node)) for node in model.nodes)
    pieces: list[Piece] = [nodes + text(2, model.name)]
    for initializer in model.initializers:
        pieces += _encode_initializer(initializer, external.get(initializer.name))
    inputs = b"".join(block(11, encode_value(value)) for value in model.inputs)
    outputs = b"".join(block(12, encode_value(value)) for value in model.outputs)
    values = b"".join(block(13, encode_value(value)) for value in model.values)
    return [*pieces, inputs + outputs + values + model.graph_rest]


def _encode_initializer(
    initializer: InitializerDef, external: tuple[str, int] | None
) -> list[Piece]:
    if initializer.encoded is not None:
        return [block(5, initializer.encoded)]
    start = b"".join(integer(1, dim) for dim in initializer.dims)
    start += integer(2, code_of(initializer.dtype)) + text(8, initializer.name)
    if external is not None:
        location, offset = external
        entries = {"location": location, "offset": offset, "length": initializer.length_bytes}
        for key, value in entries.items():
            start += block(13, text(1, key) + text(2, str(value)))
        return [block(5, start + integer(14, _EXTERNAL) + initializer.rest)]
    start += head(9, initializer.length_bytes)
    rest = initializer.rest
    whole = head(5, len(start) + initializer.length_bytes + len(rest)) + start
    if isinstance(initializer.source, bytes):
        return [whole + initializer.source + rest]
    return [whole, initializer, rest] if rest else [whole, initializer]


def _encode_node(node: NodeDef) -> bytes:
    if node.encoded is not None:
        return node.encoded
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
