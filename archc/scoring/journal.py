"""The journal of a job: what has been scored, so that an interrupted run goes on where it stopped.

It stands beside the result until that is complete: a line that says what it is, then records of a
number, a length and a CRC-32, each followed by so many bytes. The first record is the job, the
others are batches in the order in which they came. Records are only ever added; one that was cut
short, by a kill or a full disk, is taken off when the journal is opened again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import struct
import zlib
from collections.abc import Mapping
from errno import ENOENT
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, TypeAlias, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

OTHER_JOB = Rule(
    "score/other-job",
    "an unfinished run of another job is in the way",
    "Batches of two jobs in one result would be rows that no model gave.",
)
BUSY = Rule(
    "score/busy",
    "the same result is being written by another process",
    "Two runs that write one journal would destroy each other's work.",
)
NO_JOURNAL = Rule(
    "score/no-journal",
    "a file that is no journal stands where the journal would be",
    "archc overwrites its own journals and nobody else's files.",
)
NOT_WRITABLE = Rule(
    "score/not-writable",
    "the result, or the journal beside it, cannot be written",
    "What is scored is kept on the disk at once, so that no work is lost.",
)

Job: TypeAlias = Mapping[str, str | int | None]
"""What tells one job from another, by words for a message."""

SUFFIX = ".part"
"""What a journal's name has after that of its result."""

_MAGIC = b"archc score journal 1\n"
_HEAD = struct.Struct("<qQI")
_JOB = -1


class _Record(NamedTuple):
    number: int
    start: int
    length: int


@final
class Journal:
    """A journal that this process alone writes until it is closed; `open_journal` makes one.

    Attributes:
        path: its file.
        found: how many batches were in it when it was opened.
    """

    def __init__(self, path: Path, file: BinaryIO, batches: dict[int, _Record]) -> None:
        self.path = path
        self.found = len(batches)
        self._file = file
        self._batches = batches

    def __contains__(self, number: object) -> bool:
        return number in self._batches

    def add(self, number: int, content: bytes) -> None:
        """Adds a batch.

        Raises:
            OSError: the disk is full, or the file has gone.
        """
        start = self._file.seek(0, os.SEEK_END)
        _write(self._file, number, content)
        self._batches[number] = _Record(number, start + _HEAD.size, len(content))

    def read(self, number: int) -> bytes:
        """The content of a batch."""
        record = self._batches[number]
        self._file.seek(record.start)
        return self._file.read(record.length)

    def remove(self) -> None:
        """Deletes the file: its job is done."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._batches:  # nothing to go on with
            self.remove()
        self._file.close()


def open_journal(
    result: Path, job: Job, reporter: Reporter, *, restart: bool = False
) -> Journal | Failed:
    """The journal beside a result, empty or with the batches that an interrupted run left.

    With `restart`, what an interrupted run left is thrown away.

    Reports: score/other-job, score/busy, score/no-journal, score/not-writable.
    """
    path = result.with_name(result.name + SUFFIX)
    try:
        file = _open(path)
    except OSError as error:
        return not_writable(path, error, reporter)
    try:
        opened = _begin(path, file, job, reporter, restart=restart)
    except OSError as error:
        opened = not_writable(path, error, reporter)
    if isinstance(opened, Failed):
        file.close()
    return opened


def not_writable(path: Path, error: OSError, reporter: Reporter, *helps: str) -> Failed:
    """Reports that a file cannot be written.

    Reports: score/not-writable.
    """
    return reporter.error(
        NOT_WRITABLE,
        f"`{shown(str(path))}` cannot be written",
        file_place(str(path)),
        notes=((error.strerror or str(error)).lower(),),
        helps=(*helps, *_folder_first(path, error)),
    )


def _folder_first(path: Path, error: OSError) -> tuple[str, ...]:
    folder = shlex.quote(str(path.parent))
    return (f"make its folder: `mkdir -p {folder}`",) if error.errno == ENOENT else ()


def _open(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    return os.fdopen(descriptor, "r+b", buffering=0)


def _begin(
    path: Path, file: BinaryIO, job: Job, reporter: Reporter, *, restart: bool
) -> Journal | Failed:
    place = file_place(str(path))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = f"another process is writing `{shown(str(path))}`"
        return reporter.error(BUSY, message, place, helps=("wait for it, or end it",))
    except OSError:
        pass  # some network file systems have no locks; all that is lost is this check
    if not _MAGIC.startswith(file.read(len(_MAGIC))):
        message = f"`{shown(str(path))}` is no journal of `archc score`"
        helps = ("move it away, or choose another `-o`",)
        return reporter.error(NO_JOURNAL, message, place, helps=helps)
    left = None if restart else _read_records(file)
    if left is None:
        file.truncate(0)
        file.seek(0)
        _write_all(file, _MAGIC)
        _write(file, _JOB, json.dumps(dict(job)).encode())
        return Journal(path, file, {})
    known, batches = left
    if other := [key for key in {**job, **known} if job.get(key) != known.get(key)]:
        return reporter.error(
            OTHER_JOB,
            f"`{shown(str(path))}` is an unfinished run with other {listed(other)}",
            place,
            notes=tuple(f"its {key} is {known.get(key)}, not {job.get(key)}" for key in other),
            helps=("throw it away with `--restart`, or choose another `-o`",),
        )
    return Journal(path, file, batches)


def _read_records(file: BinaryIO) -> tuple[Job, dict[int, _Record]] | None:
    """The job and the batches of a journal, cut off behind the last whole record."""
    job: Job | None = None
    batches: dict[int, _Record] = {}
    end = len(_MAGIC)
    file.seek(end)
    size = os.fstat(file.fileno()).st_size
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        number, length, checksum = _HEAD.unpack(head)
        start = end + _HEAD.size
        if start + length > size:  # before memory is taken
            break
        content = file.read(length)
        if len(content) != length or _checksum(number, content) != checksum:
            break
        end = start + length
        if number == _JOB:
            job = json.loads(content)
        else:
            batches[number] = _Record(number, start, length)
    if job is None:
        return None
    file.truncate(end)
    return job, batches


def _write(file: BinaryIO, number: int, content: bytes) -> None:
    _write_all(file, _HEAD.pack(number, len(content), _checksum(number, content)) + content)


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # unbuffered, so that what is written survives a kill; a write may be partial
        rest = rest[file.write(rest) :]


def _checksum(number: int, content: bytes) -> int:
    # With the number and the length, so that a stretch of zeros is no record.
    return zlib.crc32(content, zlib.crc32(struct.pack("<qQ", number, len(content))))
