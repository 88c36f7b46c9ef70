"""The files that a model consists of: opened once known to be regular, read at positions.

External data (ONNX, docs/ExternalData.md) are read from the model's own folder alone. A model may
come from anybody, and a name such as `../../.ssh/id_rsa`, or a link of a harmless name, would put
other files of the machine into what is built.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.near_files import did_you_mean_file

UNREADABLE = Rule(
    "onnx/unreadable",
    "a model file cannot be opened",
    "The operating system refuses to open it, or it is no regular file: a pipe or a device may "
    "never end and cannot be read at positions.",
)
EXTERNAL_DATA = Rule(
    "onnx/external-data",
    "a model's external data are not what they should be",
    "Weights beside a model are read from regular files in its own folder, and must be as long as "
    "their sizes say. Names that lead elsewhere would copy other files of the machine.",
)

CHUNK_BYTES = 1 << 20
"""Bytes read at once."""

_LONGEST_SHOWN = 80
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # Opening a pipe must not wait for a writer.
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
)


class ModelFileError(Exception):
    """A model that is not read further: the broken rule and what its diagnostic says.

    `open_model_file` alone catches it.
    """

    def __init__(
        self, rule: Rule, message: str, *, notes: Iterable[str] = (), helps: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.notes = tuple(notes)
        self.helps = tuple(helps)


def shown(text: str) -> str:
    r"""The text with what does not print escaped, cut after 80 characters.

    >>> shown("w\x1b[2J")
    'w\\x1b[2J'
    """
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:_LONGEST_SHOWN])
    is_whole = len(text) <= _LONGEST_SHOWN and len(escaped) <= _LONGEST_SHOWN
    return escaped if is_whole else f"{escaped[:_LONGEST_SHOWN]}…"


class Stretches(Protocol):
    """A file that stretches of bytes are read from."""

    def stretch(self, begin: int, length: int) -> Iterator[bytes]:
        """The bytes from a position on, in chunks of at most 1 MiB.

        Raises:
            OSError: the file has become shorter since it was opened, or the disk fails.
        """


@final
class ModelStream:
    """The model's own file: open, its size in bytes, as a stream for its messages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            descriptor = os.open(path, _FLAGS)
        except (OSError, ValueError) as error:
            message = f"the model cannot be opened: {_reason(error)}"
            helps = did_you_mean_file(str(path)) if isinstance(error, FileNotFoundError) else ()
            raise ModelFileError(UNREADABLE, message, helps=helps) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise ModelFileError(
                UNREADABLE,
                f"the model is {_kind(status)}, not a file",
                helps=("give the path of an ONNX file",),
            )
        self.size = status.st_size
        self.stream: BinaryIO = io.BufferedReader(io.FileIO(descriptor, "rb"))

    def stretch(self, begin: int, length: int) -> Iterator[bytes]:
        """The bytes from a position on; see `Stretches`."""
        yield from _stretch(self.stream.fileno(), self.path, begin, length)

    def close(self) -> None:
        """Closes the file."""
        self.stream.close()


@final
class ModelFolder:
    """The folder of a model, which its external data lie in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._sizes: dict[str, int] = {}

    def size_of(self, location: str) -> int:
        """The length of a file in bytes, once it is known to lie in the folder.

        Raises:
            ModelFileError: it does not, or cannot be opened.
        """
        if location not in self._sizes:
            descriptor = self.open(location)
            self._sizes[location] = os.fstat(descriptor).st_size
            os.close(descriptor)
        return self._sizes[location]

    def open(self, location: str) -> int:
        """A descriptor of a regular file in the folder, reached without any link.

        Every part of the name is opened in the folder before it, so that nothing can be exchanged
        between a look and the opening.

        Raises:
            ModelFileError: there is none.
        """
        parts = PurePosixPath(location).parts
        if not parts or ".." in parts or location.startswith("/") or "\0" in location:
            raise _elsewhere(location, "it leads out of the model's folder")
        try:
            descriptor = self._reach(parts)
        except OSError as error:
            raise _elsewhere(location, _link_reason(error)) from error
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
            return descriptor
        os.close(descriptor)
        if stat.S_ISREG(status.st_mode):
            raise _elsewhere(location, "it is a hard link, whose other name may lie elsewhere")
        raise _elsewhere(location, f"it is {_kind(status)}")

    def _reach(self, parts: tuple[str, ...]) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, _FLAGS | os.O_DIRECTORY)
        with ExitStack() as opened:
            folder = self._descriptor
            for part in parts[:-1]:
                flags = _FLAGS | os.O_NOFOLLOW | os.O_DIRECTORY
                folder = os.open(part, flags, dir_fd=folder)
                opened.callback(os.close, folder)
            return os.open(parts[-1], _FLAGS | os.O_NOFOLLOW, dir_fd=folder)

    def close(self) -> None:
        """Closes the folder; nothing in it can be read any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@final
class ExternalFile:
    """A file in a model's folder. It is open while a stretch is read: there may be thousands."""

    def __init__(self, folder: ModelFolder, location: str) -> None:
        self._folder = folder
        self._location = location

    def stretch(self, begin: int, length: int) -> Iterator[bytes]:
        """The bytes from a position on; see `Stretches`."""
        path = self._folder.path / self._location
        try:
            descriptor = self._folder.open(self._location)
        except ModelFileError as error:
            raise OSError(errno.EIO, "the file was exchanged while it was read", path) from error
        try:
            yield from _stretch(descriptor, path, begin, length)
        finally:
            os.close(descriptor)


def _stretch(descriptor: int, path: Path, begin: int, length: int) -> Iterator[bytes]:
    end = begin + length
    while begin < end:
        try:
            data = os.pread(descriptor, min(CHUNK_BYTES, end - begin), begin)
        except OSError as error:  # the system does not say which file it was
            raise OSError(error.errno, error.strerror, str(path)) from error
        if not data:
            raise OSError(errno.EIO, "the file became shorter while it was read", str(path))
        begin += len(data)
        yield data


def _elsewhere(location: str, why: str) -> ModelFileError:
    return ModelFileError(
        EXTERNAL_DATA,
        f"the file of external data `{shown(location)}` is not read: {why}",
        helps=("put the file itself, no link to it, beside the model",),
    )


def _link_reason(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.EMLINK):
        return "it is a link"
    if error.errno == errno.ENOTDIR:
        return "a part of its path is a link or no folder"
    return _reason(error)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "its name holds a zero byte"


def _kind(status: os.stat_result) -> str:
    return "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
