"""The stack and the memo of a pickle machine, with the bounds that they are held to."""

from __future__ import annotations

from typing import NoReturn, final

from archc.diagnostics.diagnostic import Rule
from archc.weights.byte_reader import TOO_LARGE, ByteReader
from archc.weights.refusal import AGAIN, CheckpointError

MALFORMED_PICKLE = Rule(
    "weights/malformed-pickle",
    "the pickle in a checkpoint is malformed",
    "No pickler writes such a sequence of steps. It is damaged, or made to mislead a reader.",
)

_RESAVE = "save the weights again with `torch.save(model.state_dict(), path)`"

MAX_STEPS = 2_000_000
"""Steps of a pickle; a tensor takes about thirty."""

MAX_MEMO = 2_000_000
"""Places in the memo, which picklers fill in order."""

MAX_STACK = 500_000
"""Values that are not yet in a container."""

MAX_MARKS = 1000
"""Containers that are begun and not finished."""


@final
class PickleStack:
    """Values that wait to be put into containers, and values kept for later use.

    A value below the last mark belongs to a container that is not finished, and cannot be taken.
    """

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader
        self._values: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._steps = 0

    def push(self, value: object) -> None:
        """Puts a value on top."""
        if len(self._values) == MAX_STACK:
            self.exceed(f"holds more than {MAX_STACK} values at once")
        self._values.append(value)

    def pop(self) -> object:
        """The value on top, taken off."""
        value = self.top()
        del self._values[-1]
        return value

    def top(self) -> object:
        """The value on top."""
        if len(self._values) <= (self._marks[-1] if self._marks else 0):
            self.fail("uses a value where there is none")
        return self._values[-1]

    def only(self) -> object:
        """The value on top, which must be the only one."""
        value = self.pop()
        if self._values or self._marks:
            self.fail("ends with more than one value")
        return value

    def mark(self) -> None:
        """Begins a container."""
        if len(self._marks) == MAX_MARKS:
            self.exceed(f"is nested more than {MAX_MARKS} deep")
        self._marks.append(len(self._values))

    def pop_mark(self) -> list[object]:
        """The values since the last mark, taken off."""
        if not self._marks:
            self.fail("ends a container that was not begun")
        begin = self._marks.pop()
        items = self._values[begin:]
        del self._values[begin:]
        return items

    def remember(self, place: int | None = None) -> None:
        """Keeps the value on top at a place of the memo, the next one by default."""
        place = len(self._memo) if place is None else place
        if place >= MAX_MEMO:
            self.exceed(f"uses place {place} of the memo, beyond {MAX_MEMO}")
        self._memo[place] = self.top()

    def recall(self, place: int) -> None:
        """Puts what was kept at a place on top."""
        if place not in self._memo:
            self.fail(f"uses place {place} of the memo, which is empty")
        self.push(self._memo[place])

    def charge(self, steps: int) -> None:
        """Counts steps.

        Raises:
            CheckpointError: there were too many.
        """
        self._steps += steps
        if self._steps > MAX_STEPS:
            self.exceed(f"takes more than {MAX_STEPS} steps")

    def fail(self, what: str) -> NoReturn:
        """Refuses the pickle, with the position of the last byte read.

        Raises:
            CheckpointError: always.
        """
        message = f"{self._reader.what} {what} (before byte {self._reader.offset})"
        raise CheckpointError(MALFORMED_PICKLE, message, helps=[f"{AGAIN}, or {_RESAVE}"])

    def exceed(self, what: str) -> NoReturn:
        """Refuses the pickle for going beyond a bound.

        Raises:
            CheckpointError: always.
        """
        raise CheckpointError(TOO_LARGE, f"{self._reader.what} {what}", helps=[_RESAVE])
