"""The safetensors writer: a header that says where each tensor lies, then the tensors, streamed.

All lengths are known before a byte is written (https://huggingface.co/docs/safetensors). Tensors
of wide elements come first, so that each lies at a multiple of its element's size, as the
reference implementation has it; the header is filled up with spaces to eight bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import BinaryIO

from archc.weights.elements import ELEMENT_TYPES
from archc.weights.safetensors import DTYPES
from archc.weights.written_tensor import WrittenTensor

METADATA = "__metadata__"
"""The one name that no tensor can have."""

_CODES: Mapping[str, str] = {kind.name: code for code, kind in DTYPES.items()}
_ALIGNMENT_BYTES = 8


def write_safetensors(
    tensors: Mapping[str, WrittenTensor],
    file: BinaryIO,
    *,
    metadata: Mapping[str, str],
    written: Callable[[int], None],
) -> None:
    """Writes the tensors to a file that is at its begin.

    Args:
        tensors: by names that can be UTF-8, in types that the format has.
        file: what is written to.
        metadata: texts that are kept beside the tensors.
        written: told the bytes of every chunk.

    Raises:
        OSError: the file cannot be written.
        TensorReadError: a tensor cannot be read.
    """
    ordered = sorted(tensors, key=lambda name: -ELEMENT_TYPES[tensors[name].dtype].size_bytes)
    header: dict[str, object] = {METADATA: dict(metadata)} if metadata else {}
    at = 0
    for name in ordered:
        tensor = tensors[name]
        end = at + tensor.length_bytes
        header[name] = {
            "dtype": _CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, end],
        }
        at = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT_BYTES)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in ordered:
        for chunk in tensors[name].chunks():
            file.write(chunk)
            written(memoryview(chunk).nbytes)


def can_hold(dtype: str) -> bool:
    """Whether the format has an element type."""
    return dtype in _CODES
