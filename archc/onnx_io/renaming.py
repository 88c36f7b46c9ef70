"""Another name for a value: in the nodes that give or take it, and in the graphs within them.

What another program wrote of a node is kept byte for byte beside the names.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import BinaryIO

from archc.onnx_io.model import ModelDef, NodeDef
from archc.onnx_io.wire import block, fields, read

_INPUT, _OUTPUT, _ATTRIBUTE = 1, 2, 5
_GRAPHS = (6, 11)
_NODE = 1


def rename_value(model: ModelDef, old: str, new: str) -> ModelDef:
    """The model with another name for a value, in all its nodes.

    Inputs, outputs and initializers of the model keep their names. A graph within a node sees the
    values around it, so that the names in it are changed too; ONNX does not let it give such a
    name to another value.
    """
    nodes = tuple(_renamed(node, old, new) for node in model.nodes)
    values = tuple(value for value in model.values if value.name != old)
    return replace(model, nodes=nodes, values=values)


def _renamed(node: NodeDef, old: str, new: str) -> NodeDef:
    inputs = tuple(new if name == old else name for name in node.inputs)
    outputs = tuple(new if name == old else name for name in node.outputs)
    encoded = node.encoded
    if encoded is not None and old.encode() in encoded:
        with io.BytesIO(encoded) as file:
            encoded = _node(file, 0, len(encoded), old.encode(), new.encode())
    return replace(node, inputs=inputs, outputs=outputs, encoded=encoded)


def _node(file: BinaryIO, start: int, end: int, old: bytes, new: bytes) -> bytes:
    parts: list[bytes] = []
    for found in fields(file, start, end):
        content = read(file, found.content, found.end)
        if found.number in (_INPUT, _OUTPUT) and content == old:
            parts.append(block(found.number, new))
        elif found.number == _ATTRIBUTE and old in content:
            attribute = _attribute(file, found.content, found.end, old, new)
            parts.append(block(_ATTRIBUTE, attribute))
        else:
            parts.append(read(file, found.start, found.end))
    return b"".join(parts)


def _attribute(file: BinaryIO, start: int, end: int, old: bytes, new: bytes) -> bytes:
    parts: list[bytes] = []
    for found in fields(file, start, end):
        if found.number in _GRAPHS and found.value is None:
            graph = _graph(file, found.content, found.end, old, new)
            parts.append(block(found.number, graph))
        else:
            parts.append(read(file, found.start, found.end))
    return b"".join(parts)


def _graph(file: BinaryIO, start: int, end: int, old: bytes, new: bytes) -> bytes:
    parts: list[bytes] = []
    for found in fields(file, start, end):
        if found.number == _NODE:
            node = _node(file, found.content, found.end, old, new)
            parts.append(block(_NODE, node))
        else:
            parts.append(read(file, found.start, found.end))
    return b"".join(parts)
