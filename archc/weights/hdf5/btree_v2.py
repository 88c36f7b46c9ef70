"""Version 2 B-trees: the records of an index, in order.

Specification, section III.A.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from archc.weights.hdf5.image import CHECKSUM_BYTES, Fields, Image
from archc.weights.hdf5.refusal import malformed
from archc.weights.refusal import TOO_MANY, CheckpointError

HUGE_OBJECTS, LINK_NAMES, ATTRIBUTE_NAMES, CHUNKS, FILTERED_CHUNKS = 1, 5, 8, 10, 11

_OVERHEAD = 6 + CHECKSUM_BYTES
_MAX_DEPTH = 16
_MAX_NODE_BYTES = 1 << 20
_MAX_RECORDS = 1_000_000


@final
@dataclass(frozen=True, slots=True)
class _Tree:
    """What the header declares: the type, sizes in bytes, and the number of records."""

    image: Image
    what: str
    kind: int
    node_bytes: int
    record_bytes: int
    depth: int

    def pointer_bytes(self) -> list[tuple[int, int]]:
        """Bytes of a child's count and of its total count, for nodes of depth 1 and up."""
        most = (self.node_bytes - _OVERHEAD) // self.record_bytes
        count_bytes, total, total_bytes = _bytes_of(most), most, 0
        sizes: list[tuple[int, int]] = []
        for _ in range(self.depth):
            sizes.append((count_bytes, total_bytes))
            pointer = self.image.offset_size + count_bytes + total_bytes
            most = (self.node_bytes - _OVERHEAD - pointer) // (self.record_bytes + pointer)
            total = (most + 1) * total + most
            total_bytes = _bytes_of(max(total, 1))
        return sizes


def _bytes_of(count: int) -> int:
    return (count.bit_length() + 7) // 8


def records(image: Image, address: int, kind: int, what: str) -> Iterator[Fields]:
    """The records of the tree whose header is at an address.

    Args:
        image: the file.
        address: of the header.
        kind: the type of its records.
        what: whose tree it is.

    Raises:
        CheckpointError: the tree is malformed, or leads to itself.
    """
    size = 18 + image.offset_size + image.length_size + CHECKSUM_BYTES
    fields = image.checked(address, size, what, b"BTHD")
    found, node_bytes, record_bytes = fields.uint(1), fields.uint(4), fields.uint(2)
    depth, _, _, root = fields.uint(2), fields.uint(1), fields.uint(1), fields.address()
    count, total = fields.uint(2), fields.length()
    if found != kind or not record_bytes or depth > _MAX_DEPTH:
        raise malformed(f"{what} has records of type {found} of {record_bytes} bytes")
    if not _OVERHEAD + record_bytes <= node_bytes <= _MAX_NODE_BYTES:
        raise malformed(f"{what} has nodes of {node_bytes} bytes")
    if total > _MAX_RECORDS:
        raise CheckpointError(TOO_MANY, f"{what} has {total} records")
    tree = _Tree(image, what, kind, node_bytes, record_bytes, depth)
    given = 0
    if root is not None:
        for record in _walk(tree, root, count, set()):
            given += 1
            if given > total:
                break
            yield record
    if given != total:
        raise malformed(f"{what} declares {total} records, but has others")


def _walk(tree: _Tree, root: int, count: int, seen: set[int]) -> Iterator[Fields]:
    sizes = tree.pointer_bytes()

    def node(address: int, count: int, depth: int) -> Iterator[Fields]:
        if address in seen:
            raise malformed(f"{tree.what} leads to itself")
        seen.add(address)
        pointers = (count + 1) * (tree.image.offset_size + sum(sizes[depth - 1])) if depth else 0
        size = _OVERHEAD + count * tree.record_bytes + pointers
        if size > tree.node_bytes:
            raise malformed(f"{tree.what} has a node of {count} records, more than fit")
        signature = b"BTIN" if depth else b"BTLF"
        fields = tree.image.checked(address, size, tree.what, signature)
        if fields.uint(1) != tree.kind:
            raise malformed(f"{tree.what} has a node of another type at byte {address}")
        found = [fields.part(tree.record_bytes, tree.what) for _ in range(count)]
        if not depth:
            yield from found
            return
        for at in range(count + 1):
            child, child_count = fields.known_address(), fields.uint(sizes[depth - 1][0])
            fields.take(sizes[depth - 1][1])
            yield from node(child, child_count, depth - 1)
            yield from found[at : at + 1]

    yield from node(root, count, tree.depth)
