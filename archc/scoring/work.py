"""What is to be done, cut into batches: the unit of running, of keeping and of sending."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import NamedTuple, TypeAlias

Keep: TypeAlias = Callable[[int, bytes], None]
"""Takes the number of a batch and what was found in it, as bytes."""


class Batch(NamedTuple):
    """The pictures of one run of the model: the same ones whoever runs it, and whenever.

    A model may round differently in a batch of another length; so batches are settled beforehand.
    """

    number: int
    paths: Sequence[str]


def batches_of(paths: Sequence[str], length: int, done: Container[int]) -> Iterator[Batch]:
    """The batches of so many pictures, without those that are done."""
    for number, start in enumerate(range(0, len(paths), length)):
        if number not in done:
            yield Batch(number, paths[start : start + length])
