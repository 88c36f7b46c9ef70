"""What is found in a batch of pictures, and the bytes in which it is kept and sent.

The bytes are an `.npz` file (NumPy, `numpy.lib.format`) of plain arrays; nothing is unpickled.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ERRORS, _LENGTHS = "errors", ".lengths"


@dataclass(frozen=True, slots=True)
class Lists:
    """A list of numbers for each picture: all of them in one array, and the length of each."""

    values: NDArray[Any]
    lengths: NDArray[np.int32]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        ends = np.cumsum(self.lengths)
        return iter(np.split(self.values, ends[:-1]) if len(ends) else [])


@dataclass(frozen=True, slots=True)
class Scored:
    """A batch of pictures, scored.

    Attributes:
        errors: why a picture has no answer; None where it has one.
        columns: the numbers found, by the name of the column; empty lists at broken pictures.
    """

    errors: tuple[str | None, ...]
    columns: Mapping[str, Lists]


def as_lists(rows: Sequence[NDArray[Any] | None], dtype: str) -> Lists:
    """One column from an array for each picture, None where the picture is broken."""
    flat = [np.zeros(0, dtype) if row is None else row.reshape(-1).astype(dtype) for row in rows]
    lengths = np.array([len(row) for row in flat], dtype=np.int32)
    return Lists(np.concatenate(flat) if flat else np.zeros(0, dtype), lengths)


def to_bytes(scored: Scored) -> bytes:
    """The bytes that `from_bytes` reads."""
    arrays: dict[str, Any] = {
        _ERRORS: np.frombuffer(json.dumps(scored.errors).encode(), dtype=np.uint8)
    }
    for name, lists in scored.columns.items():
        arrays[name] = lists.values
        arrays[name + _LENGTHS] = lists.lengths
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def from_bytes(data: bytes) -> Scored:
    """The batch in bytes of `to_bytes`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        errors = json.loads(arrays[_ERRORS].tobytes())
        columns = {
            name: Lists(arrays[name], arrays[name + _LENGTHS])
            for name in arrays.files
            if name + _LENGTHS in arrays.files
        }
    return Scored(tuple(errors), columns)
