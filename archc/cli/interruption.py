"""Interruptions: the signals that end a command, so that nothing unfinished stays behind.

Python raises `KeyboardInterrupt` wherever the program stands, and where that is in the start of an
extension module it can get lost; long work therefore asks from time to time.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143

_asked: list[int] = []


def heed_signals() -> None:
    """Lets the signals of Ctrl-C and of `kill` end the command in good order."""
    _asked.clear()
    with suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGTERM, _end)
        # Whoever started the command may have told it to pass over Ctrl-C.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _end)


def check_interruption() -> None:
    """Ends the command where a signal has asked for it.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
        SystemExit: the process is to end.
    """
    if _asked:
        _raise(_asked[0])


def _end(number: int, _frame: FrameType | None) -> None:
    _asked.append(number)
    _raise(number)


def _raise(number: int) -> None:
    if number == signal.SIGTERM:
        raise SystemExit(TERMINATED)
    raise KeyboardInterrupt
