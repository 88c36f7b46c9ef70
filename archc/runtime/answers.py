"""Known answers: arrays by name in an `.npz` file, read without trusting it.

An `.npz` file is a zip with one `.npy` member an array (NumPy, `numpy.lib.format`). What a member's
header declares is compared with its length before memory is taken, and nothing is unpickled.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.given_file import check_file
from archc.weights.checkpoint import file_place
from archc.weights.npy_header import NpyError, read_npy_header
from archc.weights.shown import shown

NOT_ANSWERS = Rule(
    "verify/not-answers",
    "a file of answers cannot be read",
    "Answers are plain arrays of numbers in an `.npz` file, as `numpy.savez` writes them.",
)
ANSWERS_TOO_LARGE = Rule(
    "verify/answers-too-large",
    "an array of answers is larger than what is read",
    "A small file can unpack to gigabytes; the bound is checked before memory is taken.",
)

MAX_ARRAY_BYTES = 1 << 30
"""The largest array that is read, unpacked."""

_WRITE = "write it with `numpy.savez(path, input=…, logits=…)`"
_NUMBERS = re.compile(r"[<>|=](?:b1|[iu][1248]|f[248])")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class Answers:
    """The arrays of a file that were asked for, and the names of all that it holds, in order."""

    path: Path
    arrays: Mapping[str, NDArray[np.generic]]
    names: tuple[str, ...]


class ArraysError(Exception):
    """A file does not give its arrays; the text says why."""


class ArraysTooLargeError(ArraysError):
    """An array of a file is larger than `MAX_ARRAY_BYTES`."""


def read_answers(path: Path, wanted: Collection[str], reporter: Reporter) -> Answers | Failed:
    """The arrays of these names in an `.npz` file, as many of them as it holds.

    Reports: run/no-such-file, verify/not-answers, verify/answers-too-large.
    """
    if isinstance(failed := check_file(path, reporter, otherwise=_WRITE), Failed):
        return failed
    try:
        return read_arrays(path, wanted)
    except ArraysTooLargeError as error:
        helps = ("give fewer samples: the first axis is the batch",)
        return reporter.error(ANSWERS_TOO_LARGE, str(error), file_place(str(path)), helps=helps)
    except ArraysError as error:
        return reporter.error(
            NOT_ANSWERS,
            f"`{shown(str(path))}` is no file of answers",
            file_place(str(path)),
            notes=(str(error),),
            helps=(_WRITE,),
        )


def read_arrays(path: Path, wanted: Collection[str]) -> Answers:
    """The arrays of these names in an `.npz` file, as many of them as it holds.

    Raises:
        ArraysError: it is no such file, or an array in it is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive)
            arrays = {
                name: _read(archive, member, name)
                for name, member in members.items()
                if name in wanted
            }
            return Answers(path, arrays, tuple(members))
    except zipfile.BadZipFile as error:
        why = f"it is no zip file, or a broken one: {shown(str(error)).lower()}"
        raise ArraysError(why) from error
    # An encrypted member is a RuntimeError, a newer kind of zip a NotImplementedError.
    except (OSError, EOFError, RuntimeError, ValueError, zlib.error) as error:
        raise ArraysError(shown(str(error))) from error


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise ArraysError(f"`{shown(name)}` stands in it twice")
        members[name] = info
    return members


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> NDArray[np.generic]:
    if info.compress_type not in _COMPRESSIONS:
        raise ArraysError(f"`{shown(name)}` is compressed in a way that numpy does not use")
    with archive.open(info) as stream:
        shape, is_fortran, dtype = _header(stream, name)
        size_bytes = math.prod(shape) * dtype.itemsize
        if size_bytes > MAX_ARRAY_BYTES:
            raise ArraysTooLargeError(
                f"`{shown(name)}` has {size_bytes} bytes, and at most {MAX_ARRAY_BYTES} are read"
            )
        if info.file_size < size_bytes:
            raise ArraysError(f"`{shown(name)}` declares {size_bytes} bytes and has fewer")
        data = stream.read(size_bytes)
    if len(data) != size_bytes:
        raise ArraysError(f"`{shown(name)}` declares {size_bytes} bytes and has {len(data)}")
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C").astype(dtype.newbyteorder("="))


def _header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        header = read_npy_header(stream.read)
    except NpyError as error:
        raise ArraysError(f"`{shown(name)}` {error}") from error
    if _NUMBERS.fullmatch(header.code) is None:
        raise ArraysError(f"`{shown(name)}` is no array of numbers: {shown(header.code)}")
    return header.shape, header.is_fortran, np.dtype(header.code)
