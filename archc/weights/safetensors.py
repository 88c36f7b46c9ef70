"""The safetensors reader: a JSON header says where each tensor lies in the rest of the file.

The layout, from the format's own page (https://huggingface.co/docs/safetensors): eight bytes with
the header's length (little-endian), the header, then the buffer that the header's offsets point to.
Names are unique, tensors fill the buffer without gap and without overlap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.elements import ELEMENT_TYPES, ElementType
from archc.weights.json_object import json_object
from archc.weights.refusal import (
    AGAIN,
    ELEMENT_TYPE,
    OVERLAP,
    TOO_MANY,
    TRUNCATED,
    CheckpointError,
)
from archc.weights.shown import shown
from archc.weights.state_dict import (
    MAX_TENSORS,
    NO_TENSORS,
    State,
    check_name,
    without_prefixes,
)
from archc.weights.stored_tensor import StoredTensor, contiguous_strides

FORMAT = "safetensors"

HEADER = Rule(
    "weights/malformed-header",
    "the header of a safetensors file is malformed",
    "The header says where each tensor lies. One that does not follow the format may be read"
    " otherwise by another program.",
)
HEADER_TOO_LARGE = Rule(
    "weights/header-too-large",
    "the header of a safetensors file is too large",
    "A header takes about a hundred bytes a tensor. A larger one would take memory for nothing.",
)
GAP = Rule(
    "weights/gap",
    "a safetensors file has bytes that belong to no tensor",
    "Bytes between or behind the tensors can hold a second file, and the format forbids them.",
)

_MAX_HEADER_BYTES = 100_000_000
"""The limit of the reference implementation."""

_RESAVE = "save the tensors again with `safetensors.torch.save_file(state_dict, path)`"
_MAX_RANK = 32
_MAX_SIZE = 1 << 62

DTYPES: Mapping[str, ElementType] = {
    code: ELEMENT_TYPES[name]
    for code, name in {
        "F64": "float64",
        "F32": "float32",
        "F16": "float16",
        "BF16": "bfloat16",
        "I64": "int64",
        "I32": "int32",
        "I16": "int16",
        "I8": "int8",
        "U64": "uint64",
        "U32": "uint32",
        "U16": "uint16",
        "U8": "uint8",
        "BOOL": "bool",
    }.items()
}
"""The element types of the format by its codes, those that archc can convert."""


def read_safetensors(file: CheckpointFile) -> State[StoredTensor]:
    """The tensors of a safetensors file in the header's order, and notes on their names.

    Raises:
        CheckpointError: the file does not follow the format, or holds an element type that archc
            cannot convert.
    """
    header, buffer_begin = _header(file)
    if len(header) > MAX_TENSORS:
        message = f"the file holds {len(header)} tensors, more than {MAX_TENSORS}"
        raise CheckpointError(TOO_MANY, message)
    _check_metadata(header.pop("__metadata__", {}))
    entries = {name: _entry(name, entry) for name, entry in header.items()}
    if not entries:
        raise CheckpointError(NO_TENSORS, "the safetensors file holds no tensors")
    _check_cover(entries, file.size - buffer_begin)
    state = without_prefixes(entries)
    tensors = {
        name: StoredTensor(file, kind.name, shape, contiguous_strides(shape), buffer_begin + begin)
        for name, (kind, shape, begin, _) in state.tensors.items()
    }
    return State(tensors, state.notes, state.is_averaged)


def _header(file: CheckpointFile) -> tuple[dict[str, object], int]:
    length = int.from_bytes(file.read(0, 8), "little")
    if length > _MAX_HEADER_BYTES:
        message = f"the header declares {length} bytes, more than {_MAX_HEADER_BYTES}"
        raise CheckpointError(HEADER_TOO_LARGE, message, helps=[AGAIN])
    if length > file.size - 8:
        message = f"the header declares {length} bytes, but only {file.size - 8} follow"
        raise CheckpointError(TRUNCATED, message, helps=[AGAIN])
    data = file.read(8, length)
    header = json_object(data, "the header", HEADER, HEADER_TOO_LARGE)
    return header, 8 + length


def _check_metadata(metadata: object) -> None:
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise _malformed("`__metadata__` must map texts to texts")


def _entry(name: str, entry: object) -> tuple[ElementType, tuple[int, ...], int, int]:
    check_name("", name)
    if type(entry) is not dict or set(entry) != {"dtype", "shape", "data_offsets"}:
        message = f"`{shown(name)}` must have `dtype`, `shape` and `data_offsets`, and nothing else"
        raise _malformed(message)
    shape, offsets, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not _is_sizes(shape) or len(shape) > _MAX_RANK:
        raise _malformed(f"`{shown(name)}` has a malformed `shape`")
    if not _is_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _malformed(f"`{shown(name)}` has malformed `data_offsets`")
    kind = DTYPES.get(dtype) if type(dtype) is str else None
    if kind is None:
        message = f"`{shown(name)}` is stored as `{shown(str(dtype))}`, which is not supported"
        help_ = f"save it as one of {', '.join(DTYPES)}, for example `tensor.float()`"
        raise CheckpointError(ELEMENT_TYPE, message, helps=[help_])
    begin, end = offsets
    wanted = math.prod(shape) * kind.size_bytes
    if end - begin != wanted:
        sizes = " × ".join(map(str, shape)) or "one element"
        message = f"`{shown(name)}` takes {end - begin} bytes, but {sizes} of {dtype} is {wanted}"
        raise _malformed(message)
    return kind, tuple(shape), begin, end


def _is_sizes(value: object) -> TypeGuard[list[int]]:
    return type(value) is list and all(type(v) is int and 0 <= v < _MAX_SIZE for v in value)


def _check_cover(
    entries: Mapping[str, tuple[ElementType, tuple[int, ...], int, int]], buffer_bytes: int
) -> None:
    """The tensors fill the buffer exactly, in some order."""
    at = 0
    last = ""
    for name, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin < at:
            message = f"`{shown(name)}` and `{shown(last)}` share {at - begin} bytes of the buffer"
            raise CheckpointError(OVERLAP, message, helps=[_RESAVE])
        if begin > at:
            message = f"{begin - at} bytes before `{shown(name)}` belong to no tensor"
            raise CheckpointError(GAP, message, helps=[_RESAVE])
        at, last = end, name
    if at > buffer_bytes:
        message = f"the tensors take {at} bytes, but the file has {buffer_bytes} for them"
        raise CheckpointError(TRUNCATED, message, helps=[AGAIN])
    if at < buffer_bytes:
        message = f"{buffer_bytes - at} bytes behind the last tensor belong to no tensor"
        raise CheckpointError(GAP, message, helps=[_RESAVE])


def _malformed(message: str) -> CheckpointError:
    return CheckpointError(HEADER, message, helps=[_RESAVE])
