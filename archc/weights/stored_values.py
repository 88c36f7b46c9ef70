"""The elements of a tensor as they are stored, in numpy's types, a stretch at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from archc.graph.weight import WeightSource
from archc.weights.conversion import Array
from archc.weights.elements import ELEMENT_TYPES
from archc.weights.refusal import CheckpointError


class TensorReadError(Exception):
    """A tensor of an open checkpoint that cannot be read to its end.

    Attributes:
        cause: what the system or the reader said.
    """

    def __init__(self, cause: OSError | CheckpointError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def stored_bytes(source: WeightSource) -> Iterator[bytes]:
    """The elements in C order in their own type, little-endian, whole elements at a time.

    Raises:
        TensorReadError: the file has become shorter since it was opened, or the disk fails.
    """
    size_bytes = ELEMENT_TYPES[source.dtype].size_bytes
    rest = b""
    chunks = source.chunks(source.dtype)
    while (chunk := _next(chunks)) is not None:
        data = rest + bytes(chunk) if rest else bytes(chunk)
        whole = len(data) - len(data) % size_bytes
        rest = data[whole:]
        yield data[:whole] if rest else data


def _next(chunks: Iterator[bytes | memoryview]) -> bytes | memoryview | None:
    try:
        return next(chunks, None)
    except (OSError, CheckpointError) as error:
        raise TensorReadError(error) from error


def stored_values(source: WeightSource) -> Iterator[Array]:
    """The elements in C order as flat arrays; bfloat16 as float32, truth values as booleans.

    Raises:
        TensorReadError: as `stored_bytes`.
    """
    for data in stored_bytes(source):
        yield as_values(data, source.dtype)


def as_values(data: bytes, stored: str) -> Array:
    """Stored bytes as numbers; bfloat16 as float32, truth values as booleans."""
    array = np.frombuffer(data, ELEMENT_TYPES[stored].code)
    if stored == "bfloat16":
        return (array.astype("<u4") << np.uint32(16)).view("<f4")
    return array != 0 if stored == "bool" else array
