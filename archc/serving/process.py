"""A server as a process: a group of its own, a log, and an end that leaves nothing behind.

A server may start processes of its own (Triton starts one for each instance of a Python model), so
that the whole group is what is stopped. Where the system is Linux the server is also told to end
when archc does, however that came about (`PR_SET_PDEATHSIG`, see prctl(2)).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

SECONDS_TO_END = 20.0
"""How long a server may take to finish what it does."""

SECONDS_TO_LEAVE = 3.0
"""How long the rest of its group may take after it."""

_SECONDS_BETWEEN = 0.02
_TAIL_BYTES = 1 << 16

# It runs before the server's program in the same process, with archc's own environment: the
# server's would let this Python load the libraries of another one.
_BOUND = """
import ctypes, json, os, signal, sys
parent, changes, *command = sys.argv[1:]
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(parent):
    sys.exit(1)
os.environ.update(json.loads(changes))
try:
    os.execvp(command[0], command)
except OSError as error:
    sys.exit(f"cannot start {command[0]}: {error.strerror}")
"""


@final
class ServerProcess:
    """A running server; its output goes to a log file."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path
    ) -> None:
        """Starts a command with additions to the environment, in a folder."""
        self.log = log
        if sys.platform == "linux":
            bound = [sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid())]
            command, environment = [*bound, json.dumps(dict(environment)), *command], {}
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.number = self._process.pid

    def status(self) -> int | None:
        """The exit status of the server itself; None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """The exit status, once the server has ended by itself."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the server and its group: a request first, then by force.

        However this is interrupted, the group is ended before the interruption goes on.
        """
        try:
            self._end_in_order()
        finally:
            self._signal_group(signal.SIGKILL)
            self._process.wait()
            _wait_until_empty(self.number, SECONDS_TO_LEAVE)

    def _end_in_order(self) -> None:
        # The server alone is asked first: it ends its helpers itself, and loses no answer.
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(SECONDS_TO_END)
        if _wait_until_empty(self.number, SECONDS_TO_LEAVE / 2):
            return
        self._signal_group(signal.SIGTERM)
        _wait_until_empty(self.number, SECONDS_TO_LEAVE)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.number, number)

    def tail(self) -> str:
        """The end of the log."""
        with self.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace")


def group_members(group: int) -> Iterator[int]:
    """The running processes of a group, on Linux; zombies are none."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            # The program's name stands in parentheses and may hold anything: count from their end.
            fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                yield int(entry.name)


def _wait_until_empty(group: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _has_members(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(_SECONDS_BETWEEN)
    return True


def _has_members(group: int) -> bool:
    if Path("/proc/self/stat").exists():
        return next(group_members(group), None) is not None
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
