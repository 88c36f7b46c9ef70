"""The bytes of an HDF5 file: blocks by address, and the fields of a block in order.

An address counts from the file's superblock, which lies at the begin of the file or of the
archive's member that holds it. Lengths and addresses have the sizes that the superblock declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from archc.weights.byte_reader import TOO_LARGE
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.hdf5.lookup3 import lookup3
from archc.weights.hdf5.refusal import malformed
from archc.weights.refusal import AGAIN, TRUNCATED, CheckpointError

MAX_METADATA_BYTES = 16_000_000
"""Bytes of a file that are read as structure: a layer takes two to three thousand."""

CHECKSUM_BYTES = 4


@final
@dataclass(slots=True)
class Fields:
    """The values of a block, taken from its begin to its end.

    Attributes:
        data: the block's bytes.
        what: what the block is, for messages.
        begin: position in the file of the block's first byte.
        offset_size: bytes of an address.
        length_size: bytes of a length.
        at: bytes taken so far.
    """

    data: bytes
    what: str
    begin: int
    offset_size: int = 8
    length_size: int = 8
    at: int = 0

    @property
    def left(self) -> int:
        """Bytes that are not taken yet."""
        return len(self.data) - self.at

    @property
    def position(self) -> int:
        """Position in the file of the next byte."""
        return self.begin + self.at

    def take(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            CheckpointError: fewer are left.
        """
        begin = self.at
        end = begin + count
        if end > len(self.data):
            raise malformed(
                f"{self.what} is cut short: {count} bytes are declared at byte {begin}, and"
                f" {self.left} are left"
            )
        self.at = end
        return self.data[begin:end]

    def part(self, count: int, what: str) -> Fields:
        """The next `count` bytes as a block of its own."""
        begin = self.position
        return Fields(self.take(count), what, begin, self.offset_size, self.length_size)

    def uint(self, size: int) -> int:
        """An unsigned number of `size` bytes, little-endian as all of the format."""
        return int.from_bytes(self.take(size), "little")

    def length(self) -> int:
        """A length, or another number of the size of lengths."""
        return self.uint(self.length_size)

    def address(self) -> int | None:
        """An address; None where it is undefined."""
        data = self.take(self.offset_size)
        return None if data == b"\xff" * self.offset_size else int.from_bytes(data, "little")

    def known_address(self) -> int:
        """An address that must be defined."""
        address = self.address()
        if address is None:
            raise malformed(f"{self.what} has an undefined address at byte {self.at}")
        return address


@final
class Image:
    """A stretch of a file that holds an HDF5 file, with a budget of bytes to be read."""

    def __init__(self, file: CheckpointFile, begin: int, size: int) -> None:
        self.file = file
        self.begin = begin
        self.size = size
        self.offset_size = 8
        self.length_size = 8
        self._budget = MAX_METADATA_BYTES

    def position(self, address: int, size: int, what: str) -> int:
        """Position in the file of a stretch of `size` bytes, which must lie in the image.

        Raises:
            CheckpointError: it does not.
        """
        if address + size > self.size:
            raise CheckpointError(
                TRUNCATED,
                f"{what} takes bytes {address} to {address + size}, but the file has {self.size}",
                helps=[AGAIN],
            )
        return self.begin + address

    def block(self, address: int, size: int, what: str) -> Fields:
        """The fields of a block of the file.

        Raises:
            CheckpointError: it does not lie in the file, or too much was read.
        """
        position = self.position(address, size, what)
        self._budget -= size
        if self._budget < 0:
            message = f"the structure of the file takes more than {MAX_METADATA_BYTES} bytes"
            raise CheckpointError(TOO_LARGE, message)
        data = self.file.read(position, size)
        return Fields(data, what, position, self.offset_size, self.length_size)

    def checked(self, address: int, size: int, what: str, signature: bytes) -> Fields:
        """The fields behind the signature and the version of a block that ends with a checksum.

        Raises:
            CheckpointError: it is no such block, another version of it, or damaged.
        """
        fields = without_checksum(self.block(address, size, what))
        check_signature(fields, signature)
        return fields


def check_signature(fields: Fields, signature: bytes, version: int = 0) -> None:
    """Takes a block's signature and version.

    Raises:
        CheckpointError: they are others.
    """
    if fields.take(len(signature)) != signature:
        raise malformed(f"{fields.what} does not begin with `{signature.decode()}`")
    found = fields.uint(1)
    if found != version:
        raise malformed(f"{fields.what} has version {found}, which is unknown")


def without_checksum(fields: Fields) -> Fields:
    """A block without its last four bytes, which are the checksum of the others.

    Raises:
        CheckpointError: they are not.
    """
    data = fields.data[:-CHECKSUM_BYTES]
    if fields.data[-CHECKSUM_BYTES:] != lookup3(data).to_bytes(CHECKSUM_BYTES, "little"):
        raise malformed(f"{fields.what} has a wrong checksum")
    return Fields(data, fields.what, fields.begin, fields.offset_size, fields.length_size)
