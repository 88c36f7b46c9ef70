"""What a model file takes and gives, read without its weights.

The wire format lets everything else be passed over (onnx.proto: ModelProto, GraphProto), so a file
of any size costs what its graph costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import onnx

from archc.onnx_io.wire import Field, fields, read

_IR_VERSION, _GRAPH, _OPSET = 1, 7, 8
_INITIALIZER, _INPUT, _OUTPUT = 5, 11, 12
_TENSOR_NAME, _EXTERNAL_DATA = 8, 13
_LOCATION = b"location"

Dims = tuple[int | str | None, ...]
"""Sizes: numbers, names, or None where nothing is known."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a model.

    Attributes:
        name: its name.
        element: its element type by ONNX's name, such as `FLOAT`; empty where it is no tensor.
        dims: its sizes, the batch among them; None where not even their number is known.
    """

    name: str
    element: str
    dims: Dims | None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives, and what it needs.

    Attributes:
        inputs: what must be fed; initializers that may be overridden are none.
        outputs: what it gives.
        opsets: the version of each domain's operators; the default domain's name is empty.
        ir_version: the version of the format.
        external_files: the files beside the model that hold weights, as the model names them.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    opsets: Mapping[str, int]
    ir_version: int
    external_files: tuple[str, ...]


def read_signature(path: Path) -> Signature:
    """The signature of the model in a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no ONNX model.
    """
    with path.open("rb") as file:
        return _signature(file, path.stat().st_size)


def _signature(file: BinaryIO, size: int) -> Signature:
    opsets: dict[str, int] = {}
    ir_version = 0
    graph: Field | None = None
    for found in fields(file, 0, size):
        if found.number == _IR_VERSION:
            ir_version = found.value or 0
        elif found.number == _OPSET:
            entry = _message(onnx.OperatorSetIdProto, read(file, found.content, found.end))
            opsets["" if entry.domain == "ai.onnx" else entry.domain] = entry.version
        elif found.number == _GRAPH:
            graph = found
    if graph is None or not ir_version:
        raise ValueError("it has no graph")
    ports: dict[int, list[Port]] = {_INPUT: [], _OUTPUT: []}
    weights: set[str] = set()
    external: dict[str, None] = {}
    for found in fields(file, graph.content, graph.end):
        if found.number in ports:
            ports[found.number].append(_port(read(file, found.content, found.end)))
        elif found.number == _INITIALIZER:
            name, location = _initializer(file, found)
            weights.add(name)
            external |= {location: None} if location else {}
    inputs = tuple(port for port in ports[_INPUT] if port.name not in weights)
    return Signature(inputs, tuple(ports[_OUTPUT]), opsets, ir_version, tuple(external))


def _initializer(file: BinaryIO, initializer: Field) -> tuple[str, str]:
    """The name of a tensor, and the file that it lies in if that is another one."""
    name, location = b"", b""
    for part in fields(file, initializer.content, initializer.end):
        if part.number == _TENSOR_NAME:
            name = read(file, part.content, part.end)
        elif part.number == _EXTERNAL_DATA:
            entry = {
                found.number: read(file, found.content, found.end)
                for found in fields(file, part.content, part.end)
            }
            location = entry.get(2, b"") if entry.get(1) == _LOCATION else location
    return name.decode(errors="replace"), location.decode(errors="replace")


def _port(content: bytes) -> Port:
    value = _message(onnx.ValueInfoProto, content)
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        return Port(value.name, "", None)
    known = onnx.TensorProto.DataType.values()
    element = onnx.TensorProto.DataType.Name(tensor.elem_type) if tensor.elem_type in known else ""
    dims = tuple(map(_size, tensor.shape.dim)) if tensor.HasField("shape") else None
    return Port(value.name, element, dims)


def _message(kind: type[Any], content: bytes) -> Any:
    try:
        return kind.FromString(content)
    # protobuf's DecodeError, which onnx does not hand on.
    except Exception as error:
        raise ValueError(str(error)) from error


def _size(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    return dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
