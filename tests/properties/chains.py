"""Random chains of windows over a symbol, each step also as a plain integer formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st
from typing_extensions import override

from archc.shapes.domain import Domain
from archc.shapes.size import Size, add, scale, symbol
from archc.shapes.window import Window


@dataclass(frozen=True)
class Step:
    """One layer along one axis: what it does to a size, and the same to a number."""

    text: str
    size: Callable[[Size], Size]
    number: Callable[[int], int]
    stride: int = 1

    @override
    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Chain:
    """Steps one after the other."""

    steps: tuple[Step, ...]

    def size(self, start: Size) -> Size:
        for step in self.steps:
            start = step.size(start)
        return start

    def number(self, start: int) -> int:
        for step in self.steps:
            start = step.number(start)
        return start

    @property
    def period(self) -> int:
        """A period of the chain: every divisor met, one times the other."""
        return math.prod(step.stride for step in self.steps)


def _window(window: Window, number: Callable[[int], int]) -> Step:
    return Step(repr(window), window.output, number, window.stride)


def _conv(kernel: int, stride: int, dilation: int, before: int, after: int) -> Step:
    pads = before + after - dilation * (kernel - 1) - 1
    return _window(
        Window(kernel, stride, dilation, before, after), lambda n: (n + pads) // stride + 1
    )


def _ceil_pool(kernel: int, stride: int, before: int, after: int) -> Step:
    def number(n: int) -> int:
        count = -((n + before + after - kernel) // -stride) + 1
        return count - 1 if (count - 1) * stride >= n + before else count

    return _window(Window(kernel, stride, before=before, after=after, ceil=True), number)


def _same(kernel: int, stride: int) -> Step:
    return _window(Window(kernel, stride, same=True), lambda n: math.ceil(n / stride))


def _transposed(kernel: int, stride: int, pad: int, output_padding: int) -> Step:
    window = Window(kernel, stride, before=pad, after=pad)
    return Step(
        f"transposed {window!r}",
        lambda n: window.transposed_output(n, output_padding),
        lambda n: (n - 1) * stride - 2 * pad + kernel + output_padding,
    )


def _upsample(factor: int) -> Step:
    return Step(f"upsample {factor}", lambda n: scale(n, factor), lambda n: n * factor)


def _pad(count: int) -> Step:
    return Step(f"pad {count}", lambda n: add(n, count), lambda n: n + count)


def _ceil_pools() -> st.SearchStrategy[Step]:
    def of_kernel(kernel: int) -> st.SearchStrategy[Step]:
        pads = st.integers(0, kernel - 1)
        return st.builds(_ceil_pool, st.just(kernel), st.integers(1, 3), pads, pads)

    return st.integers(1, 4).flatmap(of_kernel)


SMALL = st.integers(0, 3)
STEPS = st.one_of(
    st.builds(_conv, st.integers(1, 5), st.integers(1, 3), st.integers(1, 2), SMALL, SMALL),
    st.builds(_same, st.integers(1, 4), st.integers(1, 3)),
    _ceil_pools(),
    st.builds(_upsample, st.integers(2, 4)),
    st.builds(_transposed, st.integers(1, 4), st.integers(1, 3), SMALL, st.integers(0, 2)),
    st.builds(_pad, st.integers(-3, 5)),
)
CHAINS = st.lists(STEPS, max_size=4).map(lambda steps: Chain(tuple(steps)))
SHORT_CHAINS = st.lists(STEPS, max_size=2).map(lambda steps: Chain(tuple(steps)))


def _skip(stride: int, depth: int, offset: int) -> tuple[Chain, Chain]:
    """The two sides of a skip: halved and doubled again `depth` times, against the input itself."""
    down = [_conv(stride, stride, 1, 0, 0)] * depth
    up = [_transposed(stride, stride, 0, 0)] * depth
    return Chain((*down, *up, _pad(offset))), Chain(())


PAIRS = st.one_of(
    st.tuples(SHORT_CHAINS, SHORT_CHAINS),
    st.builds(_skip, st.integers(2, 3), st.integers(1, 3), st.integers(-2, 2)),
    SHORT_CHAINS.map(lambda chain: (chain, chain)),
)


def _domain(least: int, span: int | None, multiple_of: int, remainder: int) -> Domain:
    domain = Domain(least, None, multiple_of, remainder % multiple_of)
    return Domain(least, span and domain.first + span, multiple_of, domain.remainder)


OPEN_DOMAINS = st.builds(
    _domain, st.integers(1, 40), st.none(), st.integers(1, 6), st.integers(0, 5)
)
DOMAINS = st.one_of(
    OPEN_DOMAINS,
    st.builds(
        _domain, st.integers(1, 40), st.integers(1, 60), st.integers(1, 6), st.integers(0, 5)
    ),
)
H = symbol("H")
W = symbol("W")


def admitted(domain: Domain, count: int) -> list[int]:
    """The admitted values among the first numbers, `count` and some, by trying each."""
    start = max(domain.least, 1)
    return [s for s in range(start, start + domain.multiple_of + count) if domain.admits(s)]
