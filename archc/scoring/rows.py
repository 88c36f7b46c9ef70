"""A result, batch by batch in the order of its pictures, as writers take it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archc.scoring.journal import Journal
from archc.scoring.plan import Column
from archc.scoring.scored import Scored, from_bytes


@dataclass(slots=True)
class Tally:
    """Broken pictures: how many, and the row and the error of the first."""

    count: int = 0
    first: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a result, read from the journal as they are asked for.

    Attributes:
        columns: the columns beside `row`, `path` and `error`.
        labels: the names of the classes.
        paths: the paths of all pictures.
        batch: the pictures of a batch.
        journal: what was found in each batch.
        tally: the broken pictures among the rows that were read.
    """

    columns: tuple[Column, ...]
    labels: Sequence[str]
    paths: Sequence[str]
    batch: int
    journal: Journal
    tally: Tally = field(default_factory=Tally)

    @property
    def batches(self) -> Iterator[tuple[int, list[str], Scored]]:
        """The number of the first row, the paths as text, and what was found, batch by batch."""
        for number, start in enumerate(range(0, len(self.paths), self.batch)):
            paths = [as_text(path) for path in self.paths[start : start + self.batch]]
            scored = from_bytes(self.journal.read(number))
            self._count(start, scored.errors)
            yield start, paths, scored

    def _count(self, start: int, errors: Sequence[str | None]) -> None:
        broken = [(row, error) for row, error in enumerate(errors, start) if error is not None]
        self.tally.count += len(broken)
        self.tally.first = self.tally.first or next(iter(broken), None)


def as_text(path: str) -> str:
    r"""A path as UTF-8 can hold it.

    >>> as_text("img\udce9.png")
    'img\\xe9.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
