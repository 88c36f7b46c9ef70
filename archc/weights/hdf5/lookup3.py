"""Bob Jenkins's lookup3 hash, the checksum of HDF5's newer structures.

`hashlittle` of https://www.burtleburtle.net/bob/c/lookup3.c with a seed of zero.
"""

from __future__ import annotations

from struct import Struct

_BLOCK = Struct("<3L")
_MASK = 0xFFFFFFFF
_SEED = 0xDEADBEEF


def lookup3(data: bytes) -> int:
    """The hash of the bytes, 32 bits.

    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (_SEED + len(data)) & _MASK
    if not data:
        return c
    # The last block, even a full one, is mixed differently.
    body = (len(data) - 1) // 12 * 12
    for x, y, z in _BLOCK.iter_unpack(data[:body]):
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        a = ((a - c) & _MASK) ^ ((c << 4 | c >> 28) & _MASK)
        c = (c + b) & _MASK
        b = ((b - a) & _MASK) ^ ((a << 6 | a >> 26) & _MASK)
        a = (a + c) & _MASK
        c = ((c - b) & _MASK) ^ ((b << 8 | b >> 24) & _MASK)
        b = (b + a) & _MASK
        a = ((a - c) & _MASK) ^ ((c << 16 | c >> 16) & _MASK)
        c = (c + b) & _MASK
        b = ((b - a) & _MASK) ^ ((a << 19 | a >> 13) & _MASK)
        a = (a + c) & _MASK
        c = ((c - b) & _MASK) ^ ((b << 4 | b >> 28) & _MASK)
        b = (b + a) & _MASK
    x, y, z = _BLOCK.unpack(data[body:].ljust(12, b"\0"))
    return _final((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)


def _final(a: int, b: int, c: int) -> int:
    state = [a, b, c]
    for turn, of, into in _FINAL_STEPS:
        value = state[of]
        turned = (value << turn | value >> (32 - turn)) & _MASK
        state[into] = ((state[into] ^ value) - turned) & _MASK
    return state[2]


# c ^= b; c -= rot(b, 14); a ^= c; a -= rot(c, 11); …
_FINAL_STEPS = ((14, 1, 2), (11, 2, 0), (25, 0, 1), (16, 1, 2), (4, 2, 0), (14, 0, 1), (24, 1, 2))
