"""A regular file opened for reading at positions; nothing else is ever opened."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import final

from archc.diagnostics.diagnostic import Rule
from archc.weights.refusal import CheckpointError

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
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


@final
class CheckpointFile:
    """An open regular file: its path, its size in bytes, and reads at positions."""

    def __init__(self, path: str, raw: io.FileIO, size: int) -> None:
        self.path = path
        self.size = size
        self._raw = raw

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
                raise OSError(errno.EIO, "the file became shorter while it was read", self.path)
            data += more
        return data

    def _read(self, begin: int, count: int) -> bytes:
        try:
            return os.pread(self._raw.fileno(), count, begin)
        except OSError as error:  # the system does not say which file it was
            raise OSError(error.errno, error.strerror, self.path) from error

    def close(self) -> None:
        """Closes the file."""
        self._raw.close()


def open_file(path: str) -> CheckpointFile:
    """The file opened, once it is known to be a regular one.

    Raises:
        CheckpointError: there is no such file, it may not be read, or it is no regular file.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            UNREADABLE, f"the checkpoint cannot be opened: {reason_of(error)}"
        ) from error
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
