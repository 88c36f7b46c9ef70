"""The header of an array in NumPy's own format: its element type, its order and its sizes.

A header is a magic word, a version, a length and a Python literal (NumPy, `numpy.lib.format`). The
literal is matched against the one form in which NumPy writes it for plain elements; nothing is
evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from archc.weights.shown import shown

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
_LONGEST = 4096
# NumPy of Python 2 writes some sizes as `64L`.
_HEADER = re.compile(
    r"\{'descr': '(?P<code>[<>|=][A-Za-z]\d{0,9})', "
    r"'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:(?:\d{1,18}L?, ?)+(?:\d{1,18}L?)?)?)\),? ?\}\s*"
)


class NpyHeader(NamedTuple):
    """What a header says.

    Attributes:
        shape: the sizes.
        is_fortran: whether the first index varies fastest.
        code: NumPy's code of the element type, such as `<f4`.
        length: bytes of the file before the elements.
    """

    shape: tuple[int, ...]
    is_fortran: bool
    code: str
    length: int


class NpyError(Exception):
    """A header that cannot be read, and why; the message goes on from the array's name."""


def read_npy_header(take: Callable[[int], bytes]) -> NpyHeader:
    """The header of an array, from a function that gives its next bytes, or fewer at its end.

    Raises:
        NpyError: it is none, or none of an array of plain elements.
    """
    magic = take(len(_MAGIC) + 2)
    if not magic.startswith(_MAGIC) or magic[-2:] not in _LENGTH_BYTES:
        raise NpyError("is no array in numpy's format 1 to 3")
    length_bytes = _LENGTH_BYTES[magic[-2:]]
    length = int.from_bytes(take(length_bytes), "little")
    data = take(min(length, _LONGEST))
    text = data.decode("latin-1")
    found = _HEADER.fullmatch(text)
    if found is None or len(data) < length:
        raise NpyError(f"is no array of plain elements: `{shown(text)}`")
    sizes = (size.strip().rstrip("L") for size in found["shape"].split(","))
    shape = tuple(int(size) for size in sizes if size)
    begin = len(magic) + length_bytes + length
    return NpyHeader(shape, found["fortran"] == "True", found["code"], begin)
