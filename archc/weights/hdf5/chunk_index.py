"""The chunks of an array, from the index that its layout names.

Specification, section III.A.1 (trees) and appendix C (the others).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from archc.weights.hdf5 import btree_v1, btree_v2
from archc.weights.hdf5.image import CHECKSUM_BYTES, Fields, Image, without_checksum
from archc.weights.hdf5.layout import (
    EXTENSIBLE_ARRAY,
    FIXED_ARRAY,
    IMPLICIT,
    SINGLE,
    TREE_V1,
    Chunked,
)
from archc.weights.hdf5.refusal import malformed, unsupported
from archc.weights.refusal import TOO_MANY, CheckpointError

_MAX_CHUNKS = 200_000


class Chunk(NamedTuple):
    """A chunk: its position in the file, its stored bytes, the filters it did not go through."""

    position: int
    size: int
    mask: int


class Grid(NamedTuple):
    """The array as a grid of chunks.

    Attributes:
        shape: of the array, in elements.
        chunk: sizes of a chunk, in elements.
        element_bytes: bytes of an element.
        is_filtered: whether the chunks went through filters.
        what: the array, for messages.
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    element_bytes: int
    is_filtered: bool
    what: str

    @property
    def counts(self) -> tuple[int, ...]:
        """Chunks along each axis."""
        return tuple(-(-size // step) for size, step in zip(self.shape, self.chunk, strict=True))

    @property
    def chunk_count(self) -> int:
        """Chunks in all."""
        return math.prod(self.counts)

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk before filters."""
        return math.prod(self.chunk) * self.element_bytes

    def number(self, place: tuple[int, ...]) -> int:
        """The number in C order of the chunk at a place of the grid."""
        number = 0
        for at, count in zip(place, self.counts, strict=True):
            if at >= count:
                raise malformed(f"{self.what} has a chunk outside its sizes")
            number = number * count + at
        return number


def read_chunks(image: Image, layout: Chunked, grid: Grid) -> list[Chunk]:
    """The chunks of an array in C order of the grid.

    Raises:
        CheckpointError: the index is malformed, or a chunk is missing or outside the file.
    """
    if grid.chunk_count > _MAX_CHUNKS:
        message = f"{grid.what} has {grid.chunk_count} chunks, more than {_MAX_CHUNKS}"
        raise CheckpointError(TOO_MANY, message)
    found: list[Chunk | None] = [None] * grid.chunk_count
    if layout.address is not None:
        for number, address, size, mask in _entries(image, layout, layout.address, grid):
            if found[number] is not None:
                raise malformed(f"{grid.what} has two chunks at one place")
            if not grid.is_filtered and size != grid.chunk_bytes:
                raise malformed(f"{grid.what} has a chunk of {size} bytes")
            found[number] = Chunk(image.position(address, size, grid.what), size, mask)
    chunks = [chunk for chunk in found if chunk is not None]
    if len(chunks) != grid.chunk_count:
        missing = grid.chunk_count - len(chunks)
        raise malformed(
            f"{missing} of the {grid.chunk_count} chunks of {grid.what} were never written"
        )
    return chunks


def _entries(
    image: Image, layout: Chunked, address: int, grid: Grid
) -> Iterator[tuple[int, int, int, int]]:
    """Number, address, stored bytes and filter mask of each chunk that the index holds."""
    if layout.index == TREE_V1:
        yield from _tree_v1(image, address, grid)
    elif layout.index == SINGLE:
        if grid.chunk_count != 1:
            raise malformed(f"{grid.what} has one chunk for {grid.chunk_count}")
        yield 0, address, *(layout.single or (grid.chunk_bytes, 0))
    elif layout.index == IMPLICIT:
        for number in range(grid.chunk_count):
            yield number, address + number * grid.chunk_bytes, grid.chunk_bytes, 0
    elif layout.index == FIXED_ARRAY:
        yield from _fixed_array(image, address, grid)
    elif layout.index == EXTENSIBLE_ARRAY:
        raise unsupported(f"{grid.what} can grow along an axis, its chunks are in no fixed array")
    else:
        yield from _tree_v2(image, address, grid)


def _tree_v1(image: Image, address: int, grid: Grid) -> Iterator[tuple[int, int, int, int]]:
    key_bytes = 8 + 8 * (len(grid.shape) + 1)
    for key, place in btree_v1.leaves(image, address, btree_v1.CHUNKS, key_bytes, grid.what):
        size, mask = key.uint(4), key.uint(4)
        offsets = [key.uint(8) for _ in grid.shape]
        if any(at % step for at, step in zip(offsets, grid.chunk, strict=True)):
            raise malformed(f"{grid.what} has a chunk that begins within another")
        at = tuple(at // step for at, step in zip(offsets, grid.chunk, strict=True))
        yield grid.number(at), place, size, mask


def _tree_v2(image: Image, address: int, grid: Grid) -> Iterator[tuple[int, int, int, int]]:
    kind = btree_v2.FILTERED_CHUNKS if grid.is_filtered else btree_v2.CHUNKS
    for record in btree_v2.records(image, address, kind, grid.what):
        entry = record.part(record.left - 8 * len(grid.shape), grid.what)
        place, size, mask = _entry(entry, grid)
        at = tuple(record.uint(8) for _ in grid.shape)
        if place is not None:
            yield grid.number(at), place, size, mask


def _entry(fields: Fields, grid: Grid) -> tuple[int | None, int, int]:
    """Address, stored bytes and filter mask; the size takes what the others leave."""
    address = fields.address()
    if not grid.is_filtered:
        return address, grid.chunk_bytes, 0
    size = fields.uint(max(fields.left - 4, 0))
    return address, size, fields.uint(4)


def _fixed_array(image: Image, address: int, grid: Grid) -> Iterator[tuple[int, int, int, int]]:
    size = 8 + image.length_size + image.offset_size + CHECKSUM_BYTES
    head = image.checked(address, size, grid.what, b"FAHD")
    kind, entry_bytes, page_bits, count = head.uint(1), head.uint(1), head.uint(1), head.length()
    block = head.address()
    least = image.offset_size + (5 if grid.is_filtered else 0)
    if kind != grid.is_filtered or not least <= entry_bytes <= image.offset_size + 12:
        raise malformed(f"{grid.what} has an index of entries of {entry_bytes} bytes")
    if count != grid.chunk_count or page_bits > 32:
        raise malformed(f"{grid.what} has an index of {count} chunks, not of {grid.chunk_count}")
    if block is None:
        return
    for number, fields in enumerate(_elements(image, block, grid, entry_bytes, 1 << page_bits)):
        place, stored, mask = _entry(fields, grid)
        if place is not None:
            yield number, place, stored, mask


def _elements(
    image: Image, address: int, grid: Grid, entry_bytes: int, page: int
) -> Iterator[Fields]:
    """The elements of a fixed array's data block; those of absent pages are undefined."""
    head_bytes = 6 + image.offset_size
    if grid.chunk_count <= page:
        size = head_bytes + grid.chunk_count * entry_bytes + CHECKSUM_BYTES
        fields = image.checked(address, size, grid.what, b"FADB")
        fields.take(1 + image.offset_size)
        for _ in range(grid.chunk_count):
            yield fields.part(entry_bytes, grid.what)
        return
    pages = -(-grid.chunk_count // page)
    size = head_bytes + (pages + 7) // 8 + CHECKSUM_BYTES
    head = image.checked(address, size, grid.what, b"FADB")
    head.take(1 + image.offset_size)
    bitmap = head.take(head.left)
    at = address + size
    absent = b"\xff" * entry_bytes
    for number in range(pages):
        count = min(page, grid.chunk_count - number * page)
        if bitmap[number // 8] & 0x80 >> number % 8:
            block = image.block(at, count * entry_bytes + CHECKSUM_BYTES, grid.what)
            data = without_checksum(block).data
        else:
            data = absent * count
        at += page * entry_bytes + CHECKSUM_BYTES
        for begin in range(0, len(data), entry_bytes):
            entry = data[begin : begin + entry_bytes]
            yield Fields(entry, grid.what, 0, image.offset_size, image.length_size)
