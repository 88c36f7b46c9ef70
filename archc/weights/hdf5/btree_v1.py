"""Version 1 B-trees, which lead to a group's links or to an array's chunks.

Specification, section III.A.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from archc.weights.hdf5.image import Fields, Image
from archc.weights.hdf5.refusal import malformed

GROUP, CHUNKS = 0, 1
_MAX_LEVEL = 32


def leaves(
    image: Image, address: int, kind: int, key_bytes: int, what: str
) -> Iterator[tuple[Fields, int]]:
    """The key and the address of every leaf entry, in order.

    Args:
        image: the file.
        address: of the root node.
        kind: `GROUP` or `CHUNKS`.
        key_bytes: the size of a key.
        what: whose tree it is.

    Raises:
        CheckpointError: the tree is malformed, or leads to itself.
    """
    seen: set[int] = set()

    def node(address: int, level: int | None) -> Iterator[tuple[Fields, int]]:
        if address in seen:
            raise malformed(f"{what} leads to itself")
        seen.add(address)
        found, entries = _node(image, address, kind, key_bytes, what)
        if found != (found if level is None else level) or found > _MAX_LEVEL:
            raise malformed(f"{what} has a node of level {found} in a place of level {level}")
        for key, child in entries:
            if found:
                yield from node(child, found - 1)
            else:
                yield key, child

    yield from node(address, None)


def _node(
    image: Image, address: int, kind: int, key_bytes: int, what: str
) -> tuple[int, list[tuple[Fields, int]]]:
    """A node's level, and its entries."""
    head_bytes = 8 + 2 * image.offset_size
    head = image.block(address, head_bytes, what)
    if head.take(4) != b"TREE" or head.uint(1) != kind:
        raise malformed(f"{what} has no node at byte {address}")
    level, count = head.uint(1), head.uint(2)
    size = count * (key_bytes + image.offset_size) + key_bytes
    fields = image.block(address + head_bytes, size, what)
    return level, [(fields.part(key_bytes, what), fields.known_address()) for _ in range(count)]
