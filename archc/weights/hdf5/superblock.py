"""The superblock: the sizes of addresses and lengths, and where the root group lies.

Specification, section II.A, versions 0 to 3.
"""

from __future__ import annotations

from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.hdf5.image import CHECKSUM_BYTES, Fields, Image, without_checksum
from archc.weights.hdf5.refusal import malformed, unsupported
from archc.weights.refusal import AGAIN, TRUNCATED, CheckpointError

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_WHAT = "the superblock"
_HEAD_BYTES = len(SIGNATURE) + 1
_SIZES = (2, 4, 8)


def open_image(file: CheckpointFile, begin: int, size: int) -> tuple[Image, int]:
    """The HDF5 file in a stretch of a file, and the address of its root group.

    Raises:
        CheckpointError: it is no HDF5 file, one of a future version, or cut short.
    """
    image = Image(file, begin, size)
    if size < _HEAD_BYTES or image.block(0, len(SIGNATURE), _WHAT).data != SIGNATURE:
        raise malformed("the file does not begin with the signature of HDF5")
    version = image.block(len(SIGNATURE), 1, _WHAT).uint(1)
    if version > 3:
        raise unsupported(f"the file has a superblock of version {version}, which is unknown")
    return image, _old_root(image, version) if version < 2 else _new_root(image)


def _old_root(image: Image, version: int) -> int:
    head = image.block(_HEAD_BYTES, 15 + 4 * version, _WHAT)
    head.take(4)
    _set_sizes(image, head)
    size = 5 * image.offset_size + image.length_size
    fields = image.block(_HEAD_BYTES + len(head.data), size, _WHAT)
    base, _, end, driver = (fields.address() for _ in range(4))
    if driver is not None:
        raise unsupported("the file is one of several that a driver of HDF5 puts together")
    fields.length()  # the name of the root group, which is empty
    _set_end(image, base, end)
    return fields.known_address()


def _new_root(image: Image) -> int:
    head = image.block(_HEAD_BYTES, 3, _WHAT)
    _set_sizes(image, head)
    whole = _HEAD_BYTES + 3 + 4 * image.offset_size + CHECKSUM_BYTES
    fields = without_checksum(image.block(0, whole, _WHAT))
    fields.take(_HEAD_BYTES + 3)
    base, _, declared = (fields.address() for _ in range(3))
    _set_end(image, base, declared)
    return fields.known_address()


def _set_sizes(image: Image, head: Fields) -> None:
    image.offset_size, image.length_size = head.uint(1), head.uint(1)
    if image.offset_size not in _SIZES or image.length_size not in _SIZES:
        message = f"addresses of {image.offset_size} and lengths of {image.length_size} bytes"
        raise malformed(f"the superblock declares {message}")


def _set_end(image: Image, base: int | None, end: int | None) -> None:
    """Checks where the file begins, and cuts off what lies behind its declared end."""
    if base != 0:
        raise malformed(f"the superblock lies at byte 0, but names {base} as its address")
    if end is None or end > image.size:
        message = f"the file has {image.size} bytes, but its superblock declares {end}"
        raise CheckpointError(TRUNCATED, message, helps=[AGAIN])
    image.size = end
