"""ELF files with headers alone."""

from __future__ import annotations

import struct
from pathlib import Path


def write_program(path: Path, *, machine: int = 62, kinds: tuple[int, ...] = (1,)) -> Path:
    """An ELF file that says it is a program for a machine, with such program headers."""
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    rest = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, len(kinds), 0, 0, 0)
    headers = b"".join(struct.pack("<I", kind).ljust(56, b"\0") for kind in kinds)
    path.write_bytes(ident + rest + headers)
    return path
