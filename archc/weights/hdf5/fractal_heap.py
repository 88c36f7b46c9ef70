"""Fractal heaps, where newer files keep the links of large groups and many attributes.

Specification, section III.G. Objects lie in direct blocks, which a doubling table of indirect
blocks leads to; huge ones lie apart and tiny ones in their own identifier.
"""

from __future__ import annotations

from typing import final

from archc.weights.hdf5.btree_v2 import HUGE_OBJECTS, records
from archc.weights.hdf5.image import CHECKSUM_BYTES, Fields, Image, check_signature
from archc.weights.hdf5.lookup3 import lookup3
from archc.weights.hdf5.refusal import malformed, unsupported

_MAX_BLOCK_BYTES = 1 << 24
_MAX_WIDTH = 1 << 12
_MAX_DEPTH = 32
_CHECKSUMMED = 2
_MANAGED, _HUGE, _TINY = 0, 1, 2


@final
class FractalHeap:
    """The objects of a heap, by their identifiers."""

    def __init__(self, image: Image, address: int, what: str) -> None:
        self._image = image
        self._address = address
        self._what = what
        self._blocks: dict[int, Fields] = {}
        self._huge: dict[int, tuple[int, int]] | None = None
        size = 22 + 12 * image.length_size + 3 * image.offset_size + CHECKSUM_BYTES
        fields = image.checked(address, size, what, b"FRHP")
        fields.take(2)
        filters = fields.uint(2)
        self._flags, self._most_managed = fields.uint(1), fields.uint(4)
        if filters:
            raise unsupported(f"{what} is compressed")
        fields.length()
        self._huge_index = fields.address()
        fields.take(9 * image.length_size + image.offset_size)
        self._width, self._start = fields.uint(2), fields.length()
        self._most_direct, bits = fields.length(), fields.uint(2)
        fields.take(2)
        self._root, self._rows = fields.address(), fields.uint(2)
        self._check(bits)
        self._offset_bytes = (bits + 7) // 8
        within = (_log2(self._most_direct) + 7) // 8
        self._size_bytes = min(within, (self._most_managed.bit_length() + 7) // 8)

    def _check(self, bits: int) -> None:
        sizes = (self._width, self._start, self._most_direct)
        if any(size & (size - 1) or not size for size in sizes) or not 0 < bits <= 64:
            raise malformed(f"{self._what} has blocks of malformed sizes")
        if self._start > self._most_direct or self._most_direct > _MAX_BLOCK_BYTES:
            raise malformed(f"{self._what} has blocks of {self._most_direct} bytes")
        if self._width > _MAX_WIDTH:
            raise malformed(f"{self._what} has a table of {self._width} columns")

    def get(self, identifier: bytes) -> Fields:
        """The bytes of an object.

        Raises:
            CheckpointError: it does not lie in the heap, or the heap is malformed.
        """
        fields = Fields(identifier, self._what, 0, self._image.offset_size, self._image.length_size)
        flags = fields.uint(1)
        if flags >> 6:
            raise malformed(f"{self._what} has an identifier of another version")
        kind = flags >> 4 & 3
        if kind == _MANAGED:
            return self._managed(fields.uint(self._offset_bytes), fields.uint(self._size_bytes))
        if kind == _HUGE:
            return self._huge_object(fields)
        if kind == _TINY and fields.left <= 16:
            return fields.part((flags & 15) + 1, self._what)
        raise malformed(f"{self._what} has an identifier of an unknown kind")

    def _huge_object(self, fields: Fields) -> Fields:
        if fields.left >= self._image.offset_size + self._image.length_size:
            return self._image.block(fields.known_address(), fields.length(), self._what)
        if self._huge is None:
            self._huge = {}
            if self._huge_index is not None:
                for record in records(self._image, self._huge_index, HUGE_OBJECTS, self._what):
                    place = record.known_address(), record.length()
                    self._huge[record.length()] = place
        key = fields.uint(min(fields.left, self._image.length_size))
        if key not in self._huge:
            raise malformed(f"{self._what} has no object {key}")
        return self._image.block(*self._huge[key], self._what)

    def _managed(self, offset: int, size: int) -> Fields:
        if self._root is None:
            raise malformed(f"{self._what} is empty")
        if not self._rows:
            return self._within(self._direct(self._root, 0, self._start), offset, size)
        at, rows, begin = self._root, self._rows, 0
        for _ in range(_MAX_DEPTH):
            row, column, block_begin, block_size = self._place(offset - begin)
            if row >= rows:
                break
            child = self._child(at, rows, begin, row * self._width + column)
            begin += block_begin
            if block_size <= self._most_direct:
                block = self._direct(child, begin, block_size)
                return self._within(block, offset - begin, size)
            at, rows = child, _log2(block_size) - _log2(self._start * self._width) + 1
        raise malformed(f"{self._what} has no byte {offset}")

    def _place(self, offset: int) -> tuple[int, int, int, int]:
        """Row and column of the block with a byte, and where it begins and its size."""
        first_row = self._start * self._width
        row = (offset // first_row).bit_length()
        size = self._start << max(row - 1, 0)
        row_begin = first_row << (row - 1) if row else 0
        column = (offset - row_begin) // size
        return row, column, row_begin + column * size, size

    def _child(self, address: int, rows: int, begin: int, index: int) -> int:
        """The address of a block's child, from the table of an indirect block."""
        count = rows * self._width
        block = self._blocks.get(address)
        if block is None:
            size = 5 + self._image.offset_size * (1 + count) + self._offset_bytes + CHECKSUM_BYTES
            block = self._image.checked(address, size, self._what, b"FHIB")
            self._check_owner(block, begin)
            self._blocks[address] = block
        if len(block.data) - block.at != count * self._image.offset_size:
            raise malformed(f"{self._what} uses a block twice")
        at = block.at + index * self._image.offset_size
        entry = block.data[at : at + self._image.offset_size]
        return Fields(entry, self._what, 0, self._image.offset_size).known_address()

    def _direct(self, address: int, begin: int, size: int) -> Fields:
        block = self._blocks.get(address)
        if block is None:
            block = self._image.block(address, size, self._what)
            check_signature(block, b"FHDB")
            self._check_owner(block, begin)
            if self._flags & _CHECKSUMMED:
                self._check_sum(block)
            self._blocks[address] = block
        return block

    def _check_owner(self, block: Fields, begin: int) -> None:
        if block.address() != self._address or block.uint(self._offset_bytes) != begin:
            raise malformed(f"{self._what} has a block that belongs elsewhere")

    def _check_sum(self, block: Fields) -> None:
        """The checksum of a direct block, which counts as zero in itself."""
        begin = block.at
        declared = block.uint(CHECKSUM_BYTES)
        data = block.data[:begin] + bytes(CHECKSUM_BYTES) + block.data[block.at :]
        if lookup3(data) != declared:
            raise malformed(f"{self._what} has a wrong checksum")

    def _within(self, block: Fields, offset: int, size: int) -> Fields:
        if offset < block.at or offset + size > len(block.data):
            raise malformed(f"{self._what} has an object that reaches beyond its block")
        data = block.data[offset : offset + size]
        begin = block.begin + offset
        return Fields(data, self._what, begin, self._image.offset_size, self._image.length_size)


def _log2(size: int) -> int:
    return size.bit_length() - 1
