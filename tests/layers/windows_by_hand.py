"""Windows by their definition: their places, and what lies in each, element by element."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Image = npt.NDArray[np.floating]
PaddingArgument = int | tuple[int, int] | tuple[int, int, int, int] | Literal["valid", "same"]


@dataclass(frozen=True)
class Axis:
    """The windows along one axis: where each starts, and the padding around the input.

    A start may be negative, which is in the padding before the input.
    """

    starts: list[int]
    kernel: int
    dilation: int
    before: int
    after: int
    n: int

    def taps(self, start: int) -> list[int]:
        """The places that the window at this start covers."""
        return [start + self.dilation * u for u in range(self.kernel)]

    def kind(self, place: int) -> Literal["input", "padding", "beyond"]:
        """Where a place lies."""
        if 0 <= place < self.n:
            return "input"
        return "padding" if -self.before <= place < self.n + self.after else "beyond"


def axis_windows(
    n: int,
    kernel: int,
    stride: int,
    dilation: int,
    padding: tuple[int, int] | Literal["same"],
    *,
    ceil: bool = False,
) -> Axis:
    """All windows along an axis of size n, placed one after the other."""
    extent = dilation * (kernel - 1) + 1
    if padding == "same":
        count = len(range(0, n, stride))
        total = max((count - 1) * stride + extent - n, 0)
        before, after = total // 2, total - total // 2
        starts = [i * stride - before for i in range(count)]
        return Axis(starts, kernel, dilation, before, after, n)
    before, after = padding
    starts = []
    for start in itertools.count(-before, stride):
        fits = start + extent <= n + after
        previous_reached_end = start - stride + extent >= n + after
        # A ceiling's last window begins where the one before it has not yet reached the end.
        if not fits and not (ceil and start < n and not previous_reached_end):
            break
        starts.append(start)
    return Axis(starts, kernel, dilation, before, after, n)


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def image_windows(
    size: tuple[int, int],
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int],
    padding: PaddingArgument,
    dilation: int | tuple[int, int] = 1,
    *,
    ceil: bool = False,
) -> tuple[Axis, Axis]:
    """The windows along height and width for arguments as a spec writes them."""
    ends: list[tuple[int, int] | Literal["same"]]
    if padding == "same":
        ends = ["same", "same"]
    elif padding == "valid":
        ends = [(0, 0), (0, 0)]
    elif isinstance(padding, int):
        ends = [(padding, padding)] * 2
    elif len(padding) == 2:
        ends = [(padding[0], padding[0]), (padding[1], padding[1])]
    else:
        top, left, bottom, right = padding
        ends = [(top, bottom), (left, right)]
    height, width = (
        axis_windows(*one, ceil=ceil)
        for one in zip(size, both(kernel), both(stride), both(dilation), ends, strict=True)
    )
    return height, width


def pool(
    x: Image, windows: tuple[Axis, Axis], reduce: Callable[[list[Image], int], Image]
) -> Image:
    """Each window of (N, C, H, W) by a function of its elements and of how many are padding."""
    height, width = windows
    result = np.zeros((*x.shape[:2], len(height.starts), len(width.starts)), x.dtype)
    for i, top in enumerate(height.starts):
        for j, left in enumerate(width.starts):
            inside, padding = [], 0
            for row, column in itertools.product(height.taps(top), width.taps(left)):
                kinds = {height.kind(row), width.kind(column)}
                if kinds == {"input"}:
                    inside.append(x[:, :, row, column])
                elif "beyond" not in kinds:
                    padding += 1
            result[:, :, i, j] = reduce(inside, padding)
    return result


def convolve(x: Image, weight: Image, windows: tuple[Axis, Axis], groups: int) -> Image:
    """A convolution by its definition, in float64."""
    out, depth, _, _ = weight.shape
    height, width = windows
    result = np.zeros((len(x), out, len(height.starts), len(width.starts)))
    for o, (i, top), (j, left) in itertools.product(
        range(out), enumerate(height.starts), enumerate(width.starts)
    ):
        first = o // (out // groups) * depth
        for (u, row), (v, column) in itertools.product(
            enumerate(height.taps(top)), enumerate(width.taps(left))
        ):
            if height.kind(row) == width.kind(column) == "input":
                part = x[:, first : first + depth, row, column].astype(np.float64)
                result[:, o, i, j] += part @ weight[o, :, u, v].astype(np.float64)
    return result


def ints(low: int, high: int) -> st.SearchStrategy[int | tuple[int, int]]:
    """A size as a spec writes it: a number, or one for height and one for width."""
    one = st.integers(low, high)
    return one | st.tuples(one, one)


def paddings(most: int) -> st.SearchStrategy[PaddingArgument]:
    """A padding as a spec writes it, each side at most this."""
    one = st.integers(0, most)
    four = st.tuples(one, one, one, one)
    return one | st.tuples(one, one) | four | st.sampled_from(["same", "same", "valid"])


def images(seed: int, channels: int, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """A batch of two random images."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, channels, *size)).astype(np.float32)


def sizes(least: int = 1, most: int = 9) -> st.SearchStrategy[tuple[int, int]]:
    """Height and width."""
    return st.tuples(st.integers(least, most), st.integers(least, most))
