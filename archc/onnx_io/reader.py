"""What a model file says beside its weights, read without loading them or any library.

A protobuf message lets a reader pass over what it does not want, so a model of any size costs a few
kilobytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from archc.onnx_io.wire import Field, block, fields, integer, read

_GRAPH, _PROPERTIES = 7, 14
_INITIALIZER, _INPUT = 5, 11
_DIMS, _ELEMENT_TYPE, _NAME, _RAW_DATA, _LOCATION = 1, 2, 8, 9, 14
_EXTERNAL = 1

KEPT_BYTES = 1024
"""Initializers up to this size may say what shape a tensor has, and are kept in a structure."""


def read_metadata(model: Path | bytes) -> dict[str, str]:
    """The properties of a model (`metadata_props`), in the order of the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no ONNX model.
    """
    properties: dict[str, str] = {}
    with _opened(model) as (file, end):
        for found in fields(file, 0, end):
            if found.number == _PROPERTIES:
                entry = {
                    part.number: read(file, part.content, part.end).decode()
                    for part in fields(file, found.content, found.end)
                }
                properties[entry.get(1, "")] = entry.get(2, "")
    return properties


def read_structure(model: Path | bytes) -> bytes:
    """The model without its weights, each a further input of the same type instead.

    Checkers and shape inference then cost what the graph costs, whatever the weights weigh.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no ONNX model.
    """
    with _opened(model) as (file, end):
        parts: list[bytes] = []
        for found in fields(file, 0, end):
            if found.number == _GRAPH:
                parts.append(block(_GRAPH, _graph_structure(file, found)))
            else:
                parts.append(read(file, found.start, found.end))
    return b"".join(parts)


@contextmanager
def _opened(model: Path | bytes) -> Iterator[tuple[BinaryIO, int]]:
    if isinstance(model, bytes):
        yield io.BytesIO(model), len(model)
        return
    with model.open("rb") as file:
        yield file, model.stat().st_size


def _graph_structure(file: BinaryIO, graph: Field) -> bytes:
    parts: list[bytes] = []
    for found in fields(file, graph.content, graph.end):
        as_input = _weight_as_input(file, found) if found.number == _INITIALIZER else None
        parts.append(as_input or read(file, found.start, found.end))
    return b"".join(parts)


def _weight_as_input(file: BinaryIO, initializer: Field) -> bytes | None:
    """A ValueInfoProto field for a tensor that is large or lies elsewhere, else None."""
    parts = list(fields(file, initializer.content, initializer.end))
    is_large = any(p.number == _RAW_DATA and p.end - p.content > KEPT_BYTES for p in parts)
    is_elsewhere = any(p.number == _LOCATION and p.value == _EXTERNAL for p in parts)
    if not is_large and not is_elsewhere:
        return None
    dims = [part.value or 0 for part in parts if part.number == _DIMS]
    element_type = sum(part.value or 0 for part in parts if part.number == _ELEMENT_TYPE)
    names = [read(file, part.content, part.end) for part in parts if part.number == _NAME]
    shape = b"".join(block(1, integer(1, dim)) for dim in dims)
    tensor = block(1, integer(1, element_type) + block(2, shape))
    return block(_INPUT, block(1, b"".join(names)) + block(2, tensor))
