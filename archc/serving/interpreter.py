"""A Python that a server can run in: of a version that it takes, with a library where it needs one.

Triton's processes for Python models are linked with `libpython3.X.so.1.0`, and the library that
they load must be of the very release whose standard library they then read; with another patch
release they fail when they start.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PATIENCE_SECONDS = 30

# Py_GetVersion is asked of the library itself, as its file may be of another release.
_PROBE = """
import ctypes, json, os, sys, sysconfig
name = "libpython%d.%d.so.1.0" % sys.version_info[:2]
lib = sysconfig.get_config_var("LIBDIR") or ""
multiarch = sysconfig.get_config_var("MULTIARCH") or ""
places = [lib, os.path.join(lib, multiarch), os.path.join(sys.base_prefix, "lib")]
found = None
for place in places:
    path = os.path.join(place, name)
    if found is None and os.path.isfile(path):
        get = ctypes.CDLL(path).Py_GetVersion
        get.restype = ctypes.c_char_p
        if get().split()[0].decode() == sys.version.split()[0]:
            found = place
print(json.dumps([sys.executable, list(sys.version_info[:3]), found]))
"""


class Interpreter(NamedTuple):
    """A Python: its program, its version, and the folder of its shared library if it has one."""

    program: Path
    version: tuple[int, ...]
    library: Path | None


class NoInterpreterError(Exception):
    """There is none; the text says what was looked at."""


def find_interpreter(
    first: tuple[int, int], last: tuple[int, int], *, shared: bool = False
) -> Interpreter:
    """The Python of archc if it will do, else one on the path.

    Args:
        first: the oldest version that will do.
        last: the newest one.
        shared: whether it needs a shared library.

    Raises:
        NoInterpreterError: none will do.
    """
    reasons: list[str] = []
    for program in _programs(first, last):
        found = _probe(program)
        if isinstance(found, str):
            reasons.append(found)
            continue
        reason = _unfit(found, first, last, shared=shared)
        if reason is None:
            return found
        reasons.append(f"`{program}` is Python {'.'.join(map(str, found.version))}, {reason}")
    raise NoInterpreterError("; ".join(dict.fromkeys(reasons)))


def _unfit(
    found: Interpreter, first: tuple[int, int], last: tuple[int, int], *, shared: bool
) -> str | None:
    if not first <= found.version[:2] <= last:
        return f"and it takes {first[0]}.{first[1]} to {last[0]}.{last[1]}"
    if shared and found.library is None:
        return "without a shared library of its own release"
    return None


def _programs(first: tuple[int, int], last: tuple[int, int]) -> Iterator[str]:
    yield sys.executable
    for minor in range(last[1], first[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found is not None:
            yield found


def _probe(program: str) -> Interpreter | str:
    """A Python, or why it is none."""
    try:
        ran = subprocess.run(
            [program, "-I", "-c", _PROBE],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_SECONDS,
        )
        executable, version, library = json.loads(ran.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return f"`{program}` does not run"
    return Interpreter(Path(executable), tuple(version), Path(library) if library else None)
