"""A ValueInfoProto of a model file: the name, the element type and the sizes of a value."""

from __future__ import annotations

from typing import BinaryIO

from archc.onnx_io.element_types import value_type
from archc.onnx_io.model import OtherType, ValueDef
from archc.onnx_io.tensor_file import malformed
from archc.onnx_io.wire import Field, fields, read

_NAME, _TYPE = 1, 2
_TENSOR = 1
_ELEMENT, _SHAPE = 1, 2
_DIM = 1
_MAX_RANK = 64

_NO_TENSOR = OtherType("no tensor", 0, 0)


def read_value(file: BinaryIO, found: Field) -> ValueDef:
    """The value that a field of a graph declares.

    Raises:
        ModelFileError: it has no name, or too many axes.
        ValueError: the bytes are no message.
    """
    name, code = "", 0
    dims: list[int | str] | None = None
    for part in fields(file, found.content, found.end):
        if part.number == _NAME:
            name = read(file, part.content, part.end).decode()
        if part.number != _TYPE:
            continue
        for tensor in _inner(file, part, _TENSOR):
            for detail in fields(file, tensor.content, tensor.end):
                if detail.number == _ELEMENT:
                    code = detail.value or 0
                elif detail.number == _SHAPE:
                    dims = [_dim(file, dim) for dim in _inner(file, detail, _DIM)]
    if not name:
        raise malformed("an input, an output or a value has no name")
    if dims is not None and len(dims) > _MAX_RANK:
        raise malformed(f"a value has more than {_MAX_RANK} axes")
    encoded = read(file, found.content, found.end)
    kind = value_type(code) if code else _NO_TENSOR
    return ValueDef(name, kind, tuple(dims or ()), dims is not None, encoded)


def _inner(file: BinaryIO, message: Field, number: int) -> list[Field]:
    return [f for f in fields(file, message.content, message.end) if f.number == number]


def _dim(file: BinaryIO, dim: Field) -> int | str:
    size: int | str = ""
    for part in fields(file, dim.content, dim.end):
        if part.number == 1 and part.value is not None:
            size = part.value if part.value < 1 << 63 else ""
        elif part.number == 2:  # a name
            size = read(file, part.content, part.end).decode()
    return size
