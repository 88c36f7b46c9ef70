"""The files beside a model that hold its external weights (ONNX, docs/ExternalData.md)."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from archc.onnx_io.wire import Field, fields, read

_GRAPH, _INITIALIZER, _EXTERNAL_DATA = 7, 5, 13
_KEY, _VALUE = 1, 2


def external_files(model: Path) -> tuple[Path, ...]:
    """The files that a model's initializers lie in, in the order of their names.

    Raises:
        OSError: the model cannot be read.
        ValueError: it is no ONNX model.
    """
    found: set[str] = set()
    with model.open("rb") as file:
        for part in fields(file, 0, model.stat().st_size):
            if part.number == _GRAPH:
                for inner in fields(file, part.content, part.end):
                    if inner.number == _INITIALIZER:
                        found |= _locations(file, inner)
    return tuple(model.parent / name for name in sorted(found))


def _locations(file: BinaryIO, initializer: Field) -> set[str]:
    found: set[str] = set()
    for part in fields(file, initializer.content, initializer.end):
        if part.number == _EXTERNAL_DATA:
            entry = {
                inner.number: read(file, inner.content, inner.end).decode()
                for inner in fields(file, part.content, part.end)
            }
            if entry.get(_KEY) == "location":
                found.add(entry.get(_VALUE, ""))
    return found
