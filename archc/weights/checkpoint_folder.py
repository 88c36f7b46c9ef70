"""A folder that a checkpoint's files lie in: regular files, none of them reached through a link.

Every part of a path is opened in the folder before it, so that nothing can be exchanged between a
look and the opening. A checkpoint may come from anybody, and a link of a harmless name would put
another file of the machine into what is built.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple, final

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import (
    FLAGS,
    UNREADABLE,
    CheckpointFile,
    reason_of,
)
from archc.weights.refusal import TOO_MANY, CheckpointError
from archc.weights.shown import shown

OUTSIDE_FOLDER = Rule(
    "weights/outside-folder",
    "a part of a checkpoint is no regular file in the checkpoint's folder",
    "A path such as `../../.ssh/id_rsa`, or a link of a harmless name, would put other files of the"
    " machine into what is built.",
)

_MAX_DEPTH = 16
_MAX_ENTRIES = 200_000
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = FLAGS | _NO_LINK | getattr(os, "O_DIRECTORY", 0)
_CLOSED = -1
_MOVE = "put the file into the folder, and write its name alone"
_FETCH = "download it as well, into the same folder"
_COPY = "copy the folder with what its links lead to: `cp -RL FOLDER COPY`"


class _Identity(NamedTuple):
    """What a file is known by when it is opened again."""

    device: int
    number: int
    size: int


@final
class CheckpointFolder:
    """An open folder, and the path of its checkpoint; its files can be opened until it closes."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._closed_with: list[Callable[[], None]] = []

    def names(self) -> list[str]:
        """The names of the files in the folder itself, links included, in their order."""
        return sorted(e.name for e in self._entries(()) if not e.is_dir(follow_symlinks=False))

    def files(self, suffix: str) -> tuple[list[str], list[str]]:
        """The paths of the files with a suffix, in folders below as well; and those of the others.

        Parts are joined with slashes. Files and folders whose names begin with a dot are neither.

        Raises:
            CheckpointError: there are too many, or they are too deep.
        """
        found: list[str] = []
        others: list[str] = []
        waiting: list[tuple[str, ...]] = [()]
        count = 0
        while waiting:
            parts = waiting.pop()
            for entry in self._entries(parts):
                count += 1
                path = (*parts, entry.name)
                if count > _MAX_ENTRIES or len(path) > _MAX_DEPTH:
                    message = f"the folder has more than {_MAX_ENTRIES} entries, or is nested"
                    raise CheckpointError(TOO_MANY, f"{message} more than {_MAX_DEPTH} deep")
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    chosen = found if entry.name.endswith(suffix) else others
                    chosen.append("/".join(path))
        return sorted(found), sorted(others)

    def open(self, path: str) -> CheckpointFile:
        """A file of the folder, opened; it can be read after the folder is closed.

        Raises:
            CheckpointError: it is no regular file, or is reached through a link.
        """
        descriptor = self._opened(path)
        size = os.fstat(descriptor).st_size
        return CheckpointFile(self.path, io.FileIO(descriptor, "rb"), size, part=path)

    def file(self, path: str) -> FolderFile:
        """A file of the folder that is open only while it is read: there may be thousands.

        Raises:
            CheckpointError: it is no regular file, or is reached through a link.
        """
        descriptor = self._opened(path)
        try:
            return FolderFile(self, path, _identity(descriptor))
        finally:
            os.close(descriptor)

    def reach(self, path: str) -> int:
        """A descriptor of what lies at a path, whatever it is, reached without any link.

        Raises:
            OSError: there is nothing, or a part of the path is a link.
        """
        *folders, name = path.split("/")
        at = self._folder(tuple(folders))
        try:
            return os.open(name, FLAGS | _NO_LINK, dir_fd=at)
        finally:
            os.close(at)

    def close_with(self, close: Callable[[], None]) -> None:
        """Closes something else as well when the folder is closed: what its reader has opened."""
        self._closed_with.append(close)

    def close(self) -> None:
        """Closes the folder, and what is closed with it."""
        os.close(self._descriptor)
        self._descriptor = _CLOSED
        for close in self._closed_with:
            close()

    def _opened(self, path: str) -> int:
        parts = path.split("/")
        if "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise _outside(path, "leads out of the folder", _MOVE)
        try:
            descriptor = self.reach(path)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise _outside(path, "is a link, or reached through one", _COPY) from error
            if error.errno == errno.ENOENT:
                raise _outside(path, "is not in the folder", _FETCH) from error
            message = f"`{shown(path)}` cannot be opened: {reason_of(error)}"
            raise CheckpointError(UNREADABLE, message) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _outside(path, "is no regular file")
        return descriptor

    def _entries(self, parts: tuple[str, ...]) -> Iterator[os.DirEntry[str]]:
        descriptor = self._folder(parts)
        try:
            with os.scandir(descriptor) as entries:
                yield from entries
        finally:
            os.close(descriptor)

    def _folder(self, parts: tuple[str, ...]) -> int:
        """A descriptor of a folder below, reached without any link."""
        at = os.open(".", _FOLDER, dir_fd=self._descriptor)
        for part in parts:
            try:
                below = os.open(part, _FOLDER, dir_fd=at)
            finally:
                os.close(at)
            at = below
        return at


@final
class FolderFile:
    """A regular file in a folder, opened anew for each read."""

    def __init__(self, folder: CheckpointFolder, path: str, identity: _Identity) -> None:
        self._folder = folder
        self._path = path
        self._identity = identity

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._identity.size

    def read(self, begin: int, count: int) -> bytes:
        """Exactly `count` bytes from position `begin`, which must lie inside the file.

        Raises:
            OSError: it is not the file any more that it was, or the disk fails.
        """
        try:
            descriptor = self._folder.reach(self._path)
        except OSError as error:
            raise self._failed(error.strerror) from error
        with CheckpointFile(
            self._folder.path, io.FileIO(descriptor, "rb"), self.size, part=self._path
        ) as file:
            if _identity(descriptor) != self._identity:
                raise self._failed("it was exchanged while it was read")
            return file.read(begin, count)

    def _failed(self, why: str | None) -> OSError:
        return OSError(errno.EIO, f"`{shown(self._path)}`: {why}", self._folder.path)


def open_folder(path: str, *, of: str | None = None) -> CheckpointFolder:
    """The folder opened; the path itself may be a link.

    Args:
        path: the folder.
        of: the path of the checkpoint, where that is a file in the folder.

    Raises:
        CheckpointError: there is no such folder, or it may not be read.
    """
    try:
        descriptor = os.open(path, FLAGS | getattr(os, "O_DIRECTORY", 0))
        return CheckpointFolder(path if of is None else of, descriptor)
    except (OSError, ValueError) as error:
        message = f"the checkpoint's folder cannot be opened: {reason_of(error)}"
        raise CheckpointError(UNREADABLE, message) from error


def _identity(descriptor: int) -> _Identity:
    status = os.fstat(descriptor)
    return _Identity(status.st_dev, status.st_ino, status.st_size)


def _outside(path: str, how: str, *helps: str) -> CheckpointError:
    return CheckpointError(OUTSIDE_FOLDER, f"`{shown(path)}` {how}", helps=helps)
