"""A regular file opened for reading at positions; nothing else is ever opened."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.near_files import did_you_mean_file
from archc.weights.refusal import CheckpointError
from archc.weights.shown import shown

UNREADABLE = Rule(
    "weights/unreadable",
    "the checkpoint cannot be opened",
    "The operating system refuses to open or to read the file.",
)
NOT_A_FILE = Rule(
    "weights/not-a-file",
    "the checkpoint is no regular file",
    "A pipe or a device may never end and cannot be read at positions, and a folder has no bytes.",
)

# Opening a pipe must not wait for a writer.
FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
"""How a file is opened that may turn out to be none."""


class ReadAt(Protocol):
    """Bytes that are read at positions: those of a file, or of a file within it."""

    def read(self, begin: int, count: int) -> bytes:
        """Exactly `count` bytes from position `begin`.

        Raises:
            OSError: the file has become shorter since it was opened, or the disk fails.
        """


@final
class CheckpointFile:
    """An open regular file: its path, its size in bytes, and reads at positions.

    Args:
        path: that of the checkpoint, which failures to read are told of.
        raw: the file.
        size: its size in bytes.
        part: its path within the checkpoint, where that is a folder.
    """

    def __init__(self, path: str, raw: io.FileIO, size: int, *, part: str = "") -> None:
        self.path = path
        self.size = size
        self._raw = raw
        self._part = part
        self._closed_with: list[Callable[[], None]] = []

    def read(self, begin: int, count: int) -> bytes:
        """Exactly `count` bytes from position `begin`, which must lie inside the file.

        Raises:
            OSError: the file has become shorter since it was opened, or the disk fails.
            ValueError: the file was closed.
        """
        data = self._read(begin, count)
        while len(data) < count:
            more = self._read(begin + len(data), count - len(data))
            if not more:
                raise self._failed(errno.EIO, "the file became shorter while it was read")
            data += more
        return data

    def _read(self, begin: int, count: int) -> bytes:
        try:
            return os.pread(self._raw.fileno(), count, begin)
        except OSError as error:  # the system does not say which file it was
            raise self._failed(error.errno or errno.EIO, error.strerror or "") from error

    def _failed(self, number: int, why: str) -> OSError:
        return OSError(number, f"`{shown(self._part)}`: {why}" if self._part else why, self.path)

    def close_with(self, close: Callable[[], None]) -> None:
        """Closes something else as well when this file is closed: what its reader has opened."""
        self._closed_with.append(close)

    def close(self) -> None:
        """Closes the file, and what is closed with it."""
        self._raw.close()
        for close in self._closed_with:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_file(path: str) -> CheckpointFile:
    """The file opened, once it is known to be a regular one.

    Raises:
        CheckpointError: there is no such file, it may not be read, or it is no regular file.
    """
    try:
        descriptor = os.open(path, FLAGS)
    except (OSError, ValueError) as error:
        message = f"the checkpoint cannot be opened: {reason_of(error)}"
        helps = did_you_mean_file(path) if isinstance(error, FileNotFoundError) else ()
        raise CheckpointError(UNREADABLE, message, helps=helps) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "device or a pipe"
        help_ = "give the path of a checkpoint file, for example `model.safetensors`"
        raise CheckpointError(NOT_A_FILE, f"the checkpoint is a {kind}, not a file", helps=[help_])
    return CheckpointFile(path, io.FileIO(descriptor, "rb"), status.st_size)


def reason_of(error: OSError | ValueError) -> str:
    """Why a file cannot be opened or read, in the words of the system."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "its name holds a zero byte"
