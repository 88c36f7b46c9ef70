"""The check of what is passed on unread: the messages within it lead to no other file.

A tensor may stand in an attribute, in a graph in an attribute, in a function, or be one half of a
sparse one. In all these places its external data would be looked for beside the new model, and a
reader there may be less careful than archc.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from archc.diagnostics.diagnostic import Rule
from archc.onnx_io.stored_file import ModelFileError
from archc.onnx_io.wire import Field, fields

NESTED_EXTERNAL_DATA = Rule(
    "onnx/nested-external-data",
    "external data belong to something else than an initializer of a model",
    "Programs differ in how they look for such data and in what they check: only initializers of "
    "the model itself may have them.",
)
TOO_DEEP = Rule(
    "onnx/too-deep",
    "a model nests messages too deep",
    "Readers of protobuf stop at a hundred levels; deeper files serve to exhaust them.",
)

MAX_DEPTH = 100
"""Levels of messages, as protobuf's own readers have it."""

_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""The messages that lead to tensors: for each, the fields that hold further ones (onnx.proto)."""

_EXTERNAL, _LOCATION = 13, 14
_IS_EXTERNAL = 1


def check_embedded(file: BinaryIO, message: str, found: Field, depth: int = 1) -> None:
    """Passes where no tensor in a field of this message has external data.

    Raises:
        ModelFileError: one has, or messages are nested too deep.
        ValueError: the bytes are no message.
    """
    if depth > MAX_DEPTH:
        raise ModelFileError(TOO_DEEP, f"the model has more than {MAX_DEPTH} levels of messages")
    inner = _MESSAGES[message].get(found.number)
    if inner is None:
        return
    if found.value is not None:
        raise ValueError(f"a number stands at byte {found.start} in place of a message")
    for part in fields(file, found.content, found.end):
        if inner == "tensor":
            _check_tensor(part)
        else:
            check_embedded(file, inner, part, depth + 1)


def _check_tensor(part: Field) -> None:
    if part.number == _EXTERNAL or (part.number == _LOCATION and part.value == _IS_EXTERNAL):
        raise ModelFileError(
            NESTED_EXTERNAL_DATA,
            "a tensor within an operator, a function or a sparse tensor has external data",
            helps=("save it whole: `onnx.save(onnx.load('model.onnx'), 'whole.onnx')`",),
        )
