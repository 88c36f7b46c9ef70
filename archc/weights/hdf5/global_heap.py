"""Global heaps, where texts of any length lie.

Specification, section III.E, and IV.B for the references to them.
"""

from __future__ import annotations

from typing import final

from archc.weights.hdf5.image import Fields, Image, check_signature
from archc.weights.hdf5.refusal import malformed

_WHAT = "a heap of texts"


@final
class GlobalHeap:
    """The texts of the file's global heaps, each heap read once."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._heaps: dict[int, dict[int, bytes]] = {}

    def get(self, reference: Fields) -> bytes:
        """The text that a reference leads to: its size, the heap's address and its number.

        Raises:
            CheckpointError: there is no such text.
        """
        size, address, index = reference.uint(4), reference.address(), reference.uint(4)
        if size == 0:
            return b""
        if address is None:
            raise malformed(f"{reference.what} has a text of {size} bytes that lies nowhere")
        if address not in self._heaps:
            self._heaps[address] = self._read(address)
        data = self._heaps[address].get(index)
        if data is None or size > len(data):
            raise malformed(f"{_WHAT} has no text {index} of {size} bytes")
        return data[:size].split(b"\0")[0]

    def _read(self, address: int) -> dict[int, bytes]:
        """The objects of a heap by number, of which 0 is the free rest."""
        # All in the heap begins at multiples of eight bytes.
        head_bytes = (8 + self._image.length_size + 7) // 8 * 8
        head = self._image.block(address, head_bytes, _WHAT)
        check_signature(head, b"GCOL", version=1)
        head.take(3)
        size = head.length()
        if size < head_bytes:
            raise malformed(f"{_WHAT} declares {size} bytes")
        fields = self._image.block(address + head_bytes, size - head_bytes, _WHAT)
        objects: dict[int, bytes] = {}
        while fields.left >= head_bytes:
            object_head = fields.part(head_bytes, _WHAT)
            index = object_head.uint(2)
            object_head.take(6)
            size = object_head.length()
            if index == 0:
                break
            if index in objects:
                raise malformed(f"{_WHAT} has two texts {index}")
            objects[index] = fields.take(size)
            fields.take(min(-size % 8, fields.left))
        return objects
