"""Where the elements of an array lie, as its layout and filter messages declare.

Specification, sections IV.A.2.i and IV.A.2.l.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, final

from archc.weights.hdf5.image import Fields
from archc.weights.hdf5.refusal import malformed, outside, unsupported
from archc.weights.shown import shown

_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = range(4)
_MAX_RANK = 33

DEFLATE, SHUFFLE = 1, 2
_FILTERS = {
    3: "fletcher32",
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    32000: "lzf",
    32001: "blosc",
    32004: "lz4",
    32015: "zstd",
    32026: "blosc2",
}
_MAX_FILTERS = 8

TREE_V1, SINGLE, IMPLICIT, FIXED_ARRAY, EXTENSIBLE_ARRAY, TREE_V2 = range(6)


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """Elements in one piece: its position in the file, None where there is none, and its bytes."""

    position: int | None
    size: int


@final
@dataclass(frozen=True, slots=True)
class Chunked:
    """Elements in chunks of equal sizes.

    Attributes:
        sizes: of a chunk, in elements.
        element_bytes: bytes of an element.
        index: the kind of the index.
        address: of the index, or of the chunks themselves.
        single: the stored bytes and the filter mask of the only chunk, where it is filtered.
        partial_plain: whether chunks that reach beyond the array are stored unfiltered.
    """

    sizes: tuple[int, ...]
    element_bytes: int
    index: int
    address: int | None
    single: tuple[int, int] | None = None
    partial_plain: bool = False


Layout: TypeAlias = Stretch | Chunked


def read_layout(fields: Fields, image_begin: int) -> Layout:
    """What a layout message declares.

    Args:
        fields: the message.
        image_begin: position in the file of address 0.

    Raises:
        CheckpointError: the message is malformed, or the elements lie in other files.
    """
    version, kind = fields.uint(1), fields.uint(1)
    if version not in (3, 4, 5):
        message = f"{fields.what} has a layout of version {version}, older than HDF5 1.6.3 or new"
        raise unsupported(message)
    match kind:
        case 0:
            size = fields.uint(2)
            position = fields.position
            fields.take(size)
            return Stretch(position, size)
        case 1:
            address, size = fields.address(), fields.length()
            return Stretch(None if address is None else image_begin + address, size)
        case 2:
            return _chunked_v3(fields) if version == 3 else _chunked_v4(fields)
        case 3:
            raise outside(f"{fields.what} is a virtual dataset, made of parts of other files")
    raise malformed(f"{fields.what} has a layout of an unknown kind, {kind}")


def _chunked_v3(fields: Fields) -> Chunked:
    rank = _rank(fields)
    address = fields.address()
    sizes = [fields.uint(4) for _ in range(rank)]
    return Chunked(_sizes(fields, sizes), sizes[-1], TREE_V1, address)


def _chunked_v4(fields: Fields) -> Chunked:
    flags, rank, width = fields.uint(1), _rank(fields), fields.uint(1)
    if not 1 <= width <= 8:
        raise malformed(f"{fields.what} has chunk sizes of {width} bytes")
    sizes = [fields.uint(width) for _ in range(rank)]
    index = fields.uint(1)
    single = None
    if index == SINGLE and flags & 2:
        single = fields.length(), fields.uint(4)
    skipped = {SINGLE: 0, IMPLICIT: 0, FIXED_ARRAY: 1, EXTENSIBLE_ARRAY: 5, TREE_V2: 6}
    if index not in skipped:
        raise malformed(f"{fields.what} has an index of an unknown kind, {index}")
    fields.take(skipped[index])
    address = fields.address()
    return Chunked(_sizes(fields, sizes), sizes[-1], index, address, single, bool(flags & 1))


def _rank(fields: Fields) -> int:
    rank = fields.uint(1)
    if not 2 <= rank <= _MAX_RANK:
        raise malformed(f"{fields.what} has chunks of {rank - 1} dimensions")
    return rank


def _sizes(fields: Fields, sizes: list[int]) -> tuple[int, ...]:
    if 0 in sizes:
        raise malformed(f"{fields.what} has chunks of no size")
    return tuple(sizes[:-1])


def read_filters(fields: Fields) -> tuple[int, ...]:
    """The filters that chunks went through, in order: `DEFLATE` and `SHUFFLE` alone.

    Raises:
        CheckpointError: the message is malformed, or names another filter.
    """
    version, count = fields.uint(1), fields.uint(1)
    if version not in (1, 2) or count > _MAX_FILTERS:
        raise malformed(f"{fields.what} has {count} filters in a message of version {version}")
    fields.take(6 if version == 1 else 0)
    return tuple(_filter(fields, version) for _ in range(count))


def _filter(fields: Fields, version: int) -> int:
    number = fields.uint(2)
    name_bytes = fields.uint(2) if version == 1 or number >= 256 else 0
    fields.take(2)
    values = fields.uint(2)
    name_bytes = (name_bytes + 7) // 8 * 8 if version == 1 else name_bytes
    name = fields.take(name_bytes).split(b"\0")[0].decode("latin-1")
    fields.take(4 * (values + (values % 2 if version == 1 else 0)))
    if number not in (DEFLATE, SHUFFLE):
        name = _FILTERS.get(number) or shown(name) or "no name"
        raise unsupported(f"{fields.what} went through filter {number}, {name}")
    return number
