"""Comparing two sets of tensors: by names, sizes and elements, and by contents where names differ.

Both are read once, side by side, in stretches; those under one name on one side alone are read
again for their digests, which tell a tensor that has another name in the other file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from archc.graph.weight import WeightSource
from archc.weights.conversion import Array
from archc.weights.stored_values import stored_values
from archc.weights.tensor_statistics import measure

Tensors: TypeAlias = Mapping[str, WeightSource]
Progress: TypeAlias = Callable[[int, int], None]
"""Told the tensors that are compared so far, and those that will be."""


class Reshaped(NamedTuple):
    """A tensor of other sizes."""

    name: str
    first: tuple[int, ...]
    second: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A tensor of the same sizes and other elements, or of another element type.

    Attributes:
        name: its name.
        types: the element types.
        count: all elements.
        differing: those that differ; a NaN equals a NaN.
        largest: the largest absolute difference; infinite where one of two is no finite number.
    """

    name: str
    types: tuple[str, str]
    count: int
    differing: int
    largest: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the second set differs from the first.

    Attributes:
        removed: names of the first alone.
        added: names of the second alone.
        renamed: the name of the first and that of the second, where the contents are the same and
            no other tensor has them.
        reshaped: of other sizes.
        changed: of other elements or another type, beyond the tolerance.
        within: of other elements, within the tolerance.
        same: how many are the same in every bit that counts.
    """

    removed: tuple[str, ...]
    added: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    reshaped: tuple[Reshaped, ...]
    changed: tuple[Changed, ...]
    within: tuple[Changed, ...]
    same: int

    @property
    def is_same(self) -> bool:
        """Whether nothing differs beyond the tolerance."""
        return not (self.removed or self.added or self.renamed or self.reshaped or self.changed)


def compare(
    first: Tensors,
    second: Tensors,
    *,
    tolerance: float | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """How the tensors of two checkpoints differ.

    Args:
        first: tensors by name.
        second: tensors by name.
        tolerance: the largest absolute difference that is allowed; element types then may differ.
        progress: told after every tensor.

    Raises:
        TensorReadError: a tensor cannot be read.
    """
    shared = [name for name in first if name in second]
    reshaped, changed, within, same = [], [], [], 0
    for done, name in enumerate(shared, 1):
        a, b = first[name], second[name]
        if tuple(a.shape) != tuple(b.shape):
            reshaped.append(Reshaped(name, tuple(a.shape), tuple(b.shape)))
        else:
            found = _compared(name, a, b)
            if found.differing == 0 and (a.dtype == b.dtype or tolerance is not None):
                same += 1
            elif tolerance is not None and found.largest <= tolerance:
                within.append(found)
            else:
                changed.append(found)
        if progress is not None:
            progress(done, len(shared))
    lone = {name: source for name, source in first.items() if name not in second}
    new = {name: source for name, source in second.items() if name not in first}
    renamed = tuple(_renamed(lone, new))
    old_names, new_names = {old for old, _ in renamed}, {name for _, name in renamed}
    return Comparison(
        removed=tuple(name for name in lone if name not in old_names),
        added=tuple(name for name in new if name not in new_names),
        renamed=renamed,
        reshaped=tuple(reshaped),
        changed=tuple(changed),
        within=tuple(within),
        same=same,
    )


def _compared(name: str, first: WeightSource, second: WeightSource) -> Changed:
    differing, largest = 0, 0.0
    for a, b in _side_by_side(stored_values(first), stored_values(second)):
        apart = a != b
        if a.dtype.kind == b.dtype.kind == "f":
            apart &= ~(np.isnan(a) & np.isnan(b))
        count = int(np.count_nonzero(apart))
        if count:
            differing += count
            largest = max(largest, _largest(a[apart], b[apart]))
    types = (first.dtype, second.dtype)
    return Changed(name, types, math.prod(first.shape), differing, largest)


def _largest(first: Array, second: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.abs(first.astype(np.float64) - second.astype(np.float64))
    # No difference is a number where one of the two is none; infinity stands for that.
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max())


def _side_by_side(first: Iterator[Array], second: Iterator[Array]) -> Iterator[tuple[Array, Array]]:
    """Stretches of the same length of two tensors of as many elements."""
    a, b = next(first, None), next(second, None)
    while a is not None and b is not None:
        length = min(a.size, b.size)
        yield a[:length], b[:length]
        a = a[length:] if a.size > length else next(first, None)
        b = b[length:] if b.size > length else next(second, None)


def _renamed(first: Tensors, second: Tensors) -> Iterator[tuple[str, str]]:
    """Pairs of names with the same contents, which nothing else has."""
    kinds = {_kind(source) for source in first.values()}
    kinds &= {_kind(source) for source in second.values()}
    olds, news = _by_contents(first, kinds), _by_contents(second, kinds)
    for contents, names in olds.items():
        others = news.get(contents, [])
        if len(names) == len(others) == 1:
            yield names[0], others[0]


def _kind(source: WeightSource) -> tuple[str, tuple[int, ...]]:
    return source.dtype, tuple(source.shape)


def _by_contents(
    tensors: Tensors, kinds: set[tuple[str, tuple[int, ...]]]
) -> Mapping[object, list[str]]:
    found: dict[object, list[str]] = {}
    for name, source in tensors.items():
        if _kind(source) in kinds:
            contents = (_kind(source), measure(source, has_digest=True).digest)
            found.setdefault(contents, []).append(name)
    return found
