"""Progress of long work: a line on a terminal that is written over, and nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, final

from archc.analysis.readable import readable_bytes
from archc.cli.interruption import check_interruption

_SECONDS_BETWEEN = 0.1


@final
class Progress:
    """Told how much is done of how much, shows it on a terminal until it is left.

    Amounts are bytes, unless `readable` says other things.
    """

    def __init__(self, what: str, readable: Callable[[int], str] = readable_bytes) -> None:
        self._what = what
        self._readable = readable
        self._is_shown = sys.stderr.isatty()
        self._last_seconds = time.monotonic()
        self._has_line = False

    def step(self, what: str, done: int, total: int) -> None:
        """Shows the progress of one of several things, as `__call__` does."""
        self._what = what
        self(done, total)

    def __call__(self, done: int, total: int) -> None:
        """Shows the progress, if some time has passed; ends the command if it is to end."""
        check_interruption()
        now = time.monotonic()
        if not self._is_shown or now - self._last_seconds < _SECONDS_BETWEEN:
            return
        self._last_seconds, self._has_line = now, True
        share = 100 * done // max(total, 1)
        amount = f"{self._readable(done)} of {self._readable(total)}"
        _overwrite(f"{self._what}: {share} %, {amount}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Takes the line away, so that another can stand there."""
        if self._has_line:
            _overwrite("")
            self._has_line = False


def _overwrite(line: str) -> None:
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()
