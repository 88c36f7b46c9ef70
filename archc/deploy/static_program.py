"""Programs that need nothing else: whether a file is one, and for which processor.

Source: System V ABI, ELF header and program headers. A program that names an interpreter
(PT_INTERP) needs a dynamic linker and libraries, which an image of weights does not have.
"""

from __future__ import annotations

import struct
from pathlib import Path

from archc.deploy.oci import Architecture
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NOT_STATIC = Rule(
    "kserve/not-static",
    "a shell is given that cannot run in an image of its own",
    "The image holds the model and this one program: libraries that it needs would be missing.",
)

_MACHINES: dict[int, Architecture] = {62: "amd64", 183: "arm64"}
_IDENT_BYTES, _HEADER_BYTES = 16, 64
_INTERPRETER = 3
_HEADERS_AT_MOST = 64


def program_architecture(path: Path, reporter: Reporter) -> Architecture | Failed:
    """The processor that a statically linked Linux program is for.

    Reports: kserve/not-static.
    """
    try:
        reason = _read(path)
    except OSError as error:
        reason = f"it cannot be read: {(error.strerror or str(error)).lower()}"
    if reason in _MACHINES.values():
        return reason
    return reporter.error(
        NOT_STATIC,
        f"`{shown(str(path))}` is no statically linked program",
        file_place(str(path)),
        notes=(reason,),
        helps=("give a static busybox: Debian's `busybox-static`, Alpine's `/bin/busybox.static`",),
    )


def _read(path: Path) -> str:
    """The processor, or why it is none."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or header[:6] != b"\x7fELF\x02\x01":
            return "it is no 64-bit ELF file"
        kind, machine, _, _, headers_at = struct.unpack_from("<HHIQQ", header, _IDENT_BYTES)
        size, count = struct.unpack_from("<HH", header, 54)
        if kind not in {2, 3} or machine not in _MACHINES:
            return f"it is no program for {' or '.join(_MACHINES.values())}"
        if size < 4 or not 0 < count <= _HEADERS_AT_MOST:
            return "its program headers are damaged"
        file.seek(headers_at)
        table = file.read(size * count)
    if len(table) < size * count:
        return "its program headers are damaged"
    kinds = [struct.unpack_from("<I", table, size * index)[0] for index in range(count)]
    return "it needs a dynamic linker" if _INTERPRETER in kinds else _MACHINES[machine]
