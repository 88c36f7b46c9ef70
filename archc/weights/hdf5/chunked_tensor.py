"""A tensor whose elements lie in chunks, perhaps shuffled and compressed with zlib."""

from __future__ import annotations

import errno
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt

from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.conversion import converted
from archc.weights.elements import ELEMENT_TYPES
from archc.weights.hdf5.chunk_index import Chunk, Grid
from archc.weights.hdf5.layout import DEFLATE, SHUFFLE
from archc.weights.hdf5.refusal import malformed, unsupported
from archc.weights.stored_tensor import CHUNK_BYTES

_FILTERS = ((), (SHUFFLE,), (DEFLATE,), (SHUFFLE, DEFLATE))

_MAX_RATIO = 1032
"""Bytes that a byte of zlib's can stand for, at best."""


@dataclass(frozen=True, slots=True)
class ChunkedTensor:
    """A place in a file that a tensor's elements are read from, a row of chunks at a time.

    Attributes:
        file: the open file.
        dtype: the stored element type, one that archc can convert.
        grid: the sizes, and how chunks divide them.
        stored: the chunks in C order of the grid, known to lie in the file.
        filters: what the elements went through before they were stored.
        partial_plain: whether chunks that reach beyond the sizes went through no filter.
    """

    file: CheckpointFile = field(repr=False)
    dtype: str
    grid: Grid
    stored: Sequence[Chunk] = field(repr=False)
    filters: tuple[int, ...] = ()
    partial_plain: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.grid.shape

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order, converted to `dtype` (float32, float16 or as stored).

        Memory follows a row of chunks: those that share their place along the first axis.

        Raises:
            OSError: a chunk does not hold what its sizes declare.
        """
        step = CHUNK_BYTES // self.grid.element_bytes
        for row in range(self.grid.counts[0] if self.stored else 0):
            flat = self._row(row).reshape(-1)
            for at in range(0, flat.size, step):
                yield converted(flat[at : at + step], self.dtype, dtype)

    def _row(self, row: int) -> npt.NDArray[np.generic]:
        """The elements of the chunks at a place along the first axis."""
        grid, code = self.grid, ELEMENT_TYPES[self.dtype].code
        begin = row * grid.chunk[0]
        height = min(grid.chunk[0], grid.shape[0] - begin)
        whole = np.empty((height, *grid.shape[1:]), code)
        number = row * math.prod(grid.counts[1:])
        for place in product(*(range(count) for count in grid.counts[1:])):
            corner = (0, *(at * step for at, step in zip(place, grid.chunk[1:], strict=True)))
            ends = [
                min(at + step, size)
                for at, step, size in zip(corner, grid.chunk, whole.shape, strict=True)
            ]
            target = tuple(map(slice, corner, ends))
            source = tuple(slice(end - at) for at, end in zip(corner, ends, strict=True))
            is_partial = any(
                part.stop != step for part, step in zip(source, grid.chunk, strict=True)
            )
            data = self._decoded(self.stored[number], is_partial)
            whole[target] = np.frombuffer(data, code).reshape(grid.chunk)[source]
            number += 1
        return whole

    def _decoded(self, chunk: Chunk, is_partial: bool) -> bytes:
        data = self.file.read(chunk.position, chunk.size)
        filters = () if is_partial and self.partial_plain else self.filters
        for at, kind in reversed(list(enumerate(filters))):
            if chunk.mask >> at & 1:
                continue
            data = self._inflated(data) if kind == DEFLATE else self._unshuffled(data)
        if len(data) != self.grid.chunk_bytes:
            raise self._damaged()
        return data

    def _inflated(self, data: bytes) -> bytes:
        machine = zlib.decompressobj()
        try:
            plain = machine.decompress(data, self.grid.chunk_bytes + 1)
        except zlib.error as error:
            raise self._damaged() from error
        if not machine.eof or machine.unused_data:
            raise self._damaged()
        return plain

    def _unshuffled(self, data: bytes) -> bytes:
        """The bytes of each element together: all first bytes were stored first, and so on."""
        size = self.grid.element_bytes
        if len(data) != self.grid.chunk_bytes:
            raise self._damaged()
        return np.frombuffer(data, np.uint8).reshape(size, -1).T.tobytes()

    def _damaged(self) -> OSError:
        return OSError(errno.EIO, f"a chunk of {self.grid.what} is damaged", self.file.path)


def check_chunks(grid: Grid, chunks: Sequence[Chunk], filters: tuple[int, ...]) -> None:
    """Refuses chunks that cannot hold what the grid declares, and filters in an unusual order.

    Raises:
        CheckpointError: the chunks or filters are such.
    """
    if filters not in _FILTERS:
        raise unsupported(f"{grid.what} went through filters in an unusual order")
    if grid.chunk_bytes > max(math.prod(grid.shape) * grid.element_bytes, CHUNK_BYTES):
        raise malformed(f"{grid.what} has chunks of {grid.chunk_bytes} bytes, larger than itself")
    most = _MAX_RATIO if DEFLATE in filters else 1
    for chunk in chunks:
        if grid.chunk_bytes > most * chunk.size:
            message = f"{chunk.size} stored bytes cannot hold a chunk of {grid.chunk_bytes}"
            raise malformed(f"{grid.what} is damaged: {message}")
