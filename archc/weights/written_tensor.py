"""A tensor on its way to another file: read once, in the element type that it gets there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archc.diagnostics.errors import InternalError
from archc.graph.weight import WeightSource
from archc.weights.elements import ELEMENT_TYPES
from archc.weights.stored_values import as_values, stored_bytes


@dataclass(slots=True)
class WrittenTensor:
    """A source, and what becomes of its elements.

    Attributes:
        source: where they are read.
        dtype: the element type in which they are written: their own, float32 or float16.
        overflows: finite elements that have become infinite, once they are written.
    """

    source: WeightSource
    dtype: str
    overflows: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.source.shape

    @property
    def length_bytes(self) -> int:
        """The bytes that the elements take where they are written."""
        return math.prod(self.shape) * ELEMENT_TYPES[self.dtype].size_bytes

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The elements in C order as they are written, little-endian.

        Raises:
            TensorReadError: they cannot be read.
            InternalError: the source gave another number of bytes than its sizes say.
        """
        length = 0
        self.overflows = 0
        for chunk in stored_bytes(self.source):
            written = self._written(chunk)
            length += memoryview(written).nbytes
            yield written
        if length != self.length_bytes:
            raise InternalError(f"a tensor gave {length} bytes in place of {self.length_bytes}")

    def _written(self, chunk: bytes) -> bytes | memoryview:
        stored = self.source.dtype
        if stored == self.dtype != "bool":
            return chunk
        # Files may hold truth values other than 0 and 1, which are written as 1.
        values = as_values(chunk, stored)
        target = "|b1" if self.dtype == "bool" else ELEMENT_TYPES[self.dtype].code
        with np.errstate(over="ignore", invalid="ignore"):
            result = values.astype(str(target))
        if result.dtype.kind == "f":
            odd = np.count_nonzero(np.isinf(result))
            if odd:
                self.overflows += int(odd - np.count_nonzero(np.isinf(values)))
        return result.view(np.uint8).data
