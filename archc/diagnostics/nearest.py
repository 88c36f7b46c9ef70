"""Did you mean …: the nearest of the names that would have been right."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

LONGEST_NAME = 120
"""Characters; longer names are no slips of a finger, and comparing them takes long."""


def edit_distance(a: str, b: str, limit: int) -> int:
    """The number of edits from a to b, or limit + 1 where there are more.

    An edit inserts, deletes or replaces a character, or swaps two neighbours that no other edit
    touches: the optimal string alignment distance, after Damerau, CACM 7(3), 1964.
    """
    too_many = limit + 1
    if abs(len(a) - len(b)) > limit:
        return too_many
    older: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return too_many
        older, last = last, row
    return min(last[-1], too_many)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate closest to a misspelt name, or None where none is close.

    Case, hyphens and underscores do not count; of the letters of the longer name at most a third
    may differ. The first of equally close candidates wins; the name itself is none.
    """
    return _nearest(name, tuple(dict.fromkeys(candidates)))


@lru_cache(maxsize=1024)  # some are asked of every layer, about the same few words
def _nearest(name: str, candidates: tuple[str, ...]) -> str | None:
    folded = _fold(name)
    found, closest = None, LONGEST_NAME
    for candidate in candidates:
        if candidate == name or max(len(name), len(candidate)) > LONGEST_NAME:
            continue
        other = _fold(candidate)
        limit = min(max(len(folded), len(other)) // 3, closest - 1)
        distance = edit_distance(folded, other, limit)
        if distance <= limit:
            found, closest = candidate, distance
    return found


def did_you_mean(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """The help with the nearest name, or no help."""
    found = nearest(name, candidates)
    return () if found is None else (f"did you mean `{found}`?",)


def _fold(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
