"""The links of a group: names of objects and their addresses, hard links alone.

Specification, sections IV.A.2.c, g and r, III.B, C and D. Older groups have a B-tree of symbol
tables and a heap of names, newer ones link messages in their header or in a fractal heap.
"""

from __future__ import annotations

from collections.abc import Iterator

from archc.weights.hdf5.btree_v1 import GROUP, leaves
from archc.weights.hdf5.btree_v2 import LINK_NAMES, records
from archc.weights.hdf5.fractal_heap import FractalHeap
from archc.weights.hdf5.image import Fields, Image
from archc.weights.hdf5.object_header import Message, ObjectHeader
from archc.weights.hdf5.refusal import malformed, outside, unsupported
from archc.weights.refusal import DUPLICATE_NAME, TOO_MANY, CheckpointError
from archc.weights.shown import shown

_MAX_LINKS = 100_000
_SYMBOLIC = 2
_HARD, _SOFT = 0, 1


def is_group(header: ObjectHeader) -> bool:
    """Whether an object holds others."""
    kinds = {kind for kind, _ in header.messages}
    return bool(kinds & {Message.SYMBOL_TABLE, Message.LINK_INFO, Message.LINK})


def read_links(image: Image, header: ObjectHeader) -> dict[str, int]:
    """The addresses of a group's objects by their names, in the file's order.

    Raises:
        CheckpointError: the group is malformed, or has a link that is no hard one.
    """
    what = f"the list of {header.what}"
    links: dict[str, int] = {}
    for name, address in _links(image, header, what):
        if name in links:
            message = f"{header.what} has two objects named `{shown(name)}`"
            raise CheckpointError(DUPLICATE_NAME, message)
        links[name] = address
        if len(links) > _MAX_LINKS:
            raise CheckpointError(TOO_MANY, f"{header.what} holds more than {_MAX_LINKS} objects")
    return links


def _links(image: Image, header: ObjectHeader, what: str) -> Iterator[tuple[str, int]]:
    table = header.one(Message.SYMBOL_TABLE)
    if table is not None:
        yield from _symbols(image, table, what)
    for message in header.all(Message.LINK):
        yield _link(message, what)
    info = header.one(Message.LINK_INFO)
    if info is None:
        return
    if info.uint(1) != 0:
        raise malformed(f"{what} is of an unknown version")
    info.take(8 if info.uint(1) & 1 else 0)
    heap_address, index = info.address(), info.address()
    if heap_address is None:
        return
    if index is None:
        raise malformed(f"{what} has no index")
    heap = FractalHeap(image, heap_address, what)
    for record in records(image, index, LINK_NAMES, what):
        record.take(4)
        yield _link(heap.get(record.take(record.left)), what)


def _link(fields: Fields, what: str) -> tuple[str, int]:
    """The name and the address of a link message."""
    version, flags = fields.uint(1), fields.uint(1)
    if version != 1:
        raise malformed(f"{what} has a link of version {version}, which is unknown")
    kind = fields.uint(1) if flags & 8 else _HARD
    fields.take(8 if flags & 4 else 0)
    fields.take(1 if flags & 16 else 0)
    name = _name(fields.take(fields.uint(1 << (flags & 3))), what)
    if kind == _SOFT:
        raise _soft(name, what)
    if kind != _HARD:
        raise outside(f"`{shown(name)}` in {what} is a link to another file")
    return name, fields.known_address()


def _soft(name: str, what: str) -> CheckpointError:
    return unsupported(f"`{shown(name)}` in {what} is a soft link, which may lead anywhere")


def _name(data: bytes, what: str) -> str:
    try:
        name = data.decode()
    except UnicodeDecodeError:
        name = ""
    if not name or "\0" in name or "/" in name or name in {".", ".."}:
        text = shown(data.decode("latin-1"))
        raise malformed(f"{what} has an object named `{text}`, which is no name")
    return name


def _symbols(image: Image, table: Fields, what: str) -> Iterator[tuple[str, int]]:
    """The links of an older group."""
    tree, heap = table.known_address(), table.known_address()
    names = _local_heap(image, heap, what)
    # The library writes the name's place with the size of lengths, where the text says offsets.
    entry_bytes = image.length_size + image.offset_size + 24
    for _, address in leaves(image, tree, GROUP, image.length_size, what):
        head = image.block(address, 8, what)
        if head.take(4) != b"SNOD" or head.uint(1) != 1:
            raise malformed(f"{what} has no table of symbols at byte {address}")
        head.take(1)
        count = head.uint(2)
        fields = image.block(address + 8, count * entry_bytes, what)
        for _ in range(count):
            at, place = fields.length(), fields.address()
            kind = fields.uint(4)
            fields.take(20)
            name = _name(_text_at(names, at, what), what)
            if kind == _SYMBOLIC or place is None:
                raise _soft(name, what)
            yield name, place


def _local_heap(image: Image, address: int, what: str) -> bytes:
    """The names of an older group, each ended by a zero."""
    size = 8 + 2 * image.length_size + image.offset_size
    fields = image.block(address, size, what)
    if fields.take(4) != b"HEAP" or fields.uint(1) != 0:
        raise malformed(f"{what} has no heap of names at byte {address}")
    fields.take(3)
    size = fields.length()
    fields.length()
    return image.block(fields.known_address(), size, what).data


def _text_at(names: bytes, at: int, what: str) -> bytes:
    end = names.find(b"\0", at)
    if at > len(names) or end < 0:
        raise malformed(f"{what} has a name that does not end")
    return names[at:end]
