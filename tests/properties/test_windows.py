"""Window arithmetic against counting the windows one by one."""

from __future__ import annotations

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from archc.shapes.domain import Domain
from archc.shapes.size import evaluate
from archc.shapes.window import Window
from tests.properties.chains import DOMAINS, OPEN_DOMAINS, H, admitted

SIZES = st.integers(1, 60)
PADS = st.integers(0, 4)


def conv_windows() -> st.SearchStrategy[Window]:
    return st.builds(
        Window,
        st.integers(1, 6),
        st.integers(1, 5),
        st.integers(1, 3),
        before=PADS,
        after=PADS,
    )


def ceil_windows() -> st.SearchStrategy[Window]:
    """Pools in ceiling mode; their padding is below the kernel."""

    def of_kernel(kernel: int) -> st.SearchStrategy[Window]:
        pads = st.integers(0, kernel - 1)
        return st.builds(
            Window,
            st.just(kernel),
            st.integers(1, 5),
            st.integers(1, 3),
            before=pads,
            after=pads,
            ceil=st.just(True),
        )

    return st.integers(1, 5).flatmap(of_kernel)


SAME_WINDOWS = st.builds(
    Window, st.integers(1, 6), st.integers(1, 5), st.integers(1, 3), same=st.just(True)
)


def counted(window: Window, n: int) -> int:
    """How many windows there are: each lies within the padded input, or in ceiling mode starts
    within the input and its leading padding and is the first to reach beyond the end.
    """
    padded = window.before + n + window.after
    starts = range(0, padded + window.stride, window.stride)
    if not window.ceil:
        return sum(start + window.extent <= padded for start in starts)
    return sum(
        start < window.before + n and start + window.extent < padded + window.stride
        for start in starts
    )


@given(conv_windows(), SIZES)
def test_output_counts_the_windows_that_fit(window: Window, n: int) -> None:
    assume(window.before + n + window.after >= window.extent)
    assert window.output(n) == counted(window, n)


@given(ceil_windows(), SIZES)
def test_output_in_ceiling_mode_counts_the_windows_that_start_inside(
    window: Window, n: int
) -> None:
    assume(window.before + n + window.after >= window.extent)
    assert window.output(n) == counted(window, n)


@given(ceil_windows(), st.integers(-10, 60))
def test_floor_mode_gives_the_same_windows_for_every_size(window: Window, n: int) -> None:
    floor = window.floor_mode()
    assert not floor.ceil
    assert floor.before == window.before
    assert floor.after >= window.after
    assert floor.output(n) == window.output(n)
    assert floor.output(H) == window.output(H)


@given(conv_windows())
def test_floor_mode_of_floor_mode_is_itself(window: Window) -> None:
    assert window.floor_mode() == window


@given(SAME_WINDOWS, SIZES)
def test_same_pads_are_those_of_keras(window: Window, n: int) -> None:
    # tensorflow.org/api_docs/python/tf/nn, "SAME" padding
    if n % window.stride == 0:
        total = max(window.extent - window.stride, 0)
    else:
        total = max(window.extent - n % window.stride, 0)
    assert window.same_pads(n, {}) == (total // 2, total - total // 2)


@given(SAME_WINDOWS, SIZES)
def test_same_pads_give_the_same_output(window: Window, n: int) -> None:
    pads = window.same_pads(n, {})
    assert pads is not None
    padded = Window(window.kernel, window.stride, window.dilation, *pads)
    assert padded.output(n) == window.output(n) == math.ceil(n / window.stride)


@given(SAME_WINDOWS, DOMAINS)
def test_same_pads_of_a_symbol_are_known_exactly_where_they_do_not_vary(
    window: Window, domain: Domain
) -> None:
    values = admitted(domain, max(3 * math.lcm(window.stride, domain.multiple_of), 70))
    each = {window.same_pads(s, {}) for s in values}
    assert window.same_pads(H, {"H": domain}) == (next(iter(each)) if len(each) == 1 else None)


@given(conv_windows(), st.integers(0, 4), SIZES)
def test_transposed_output_covers_what_the_kernels_touch(
    window: Window, output_padding: int, n: int
) -> None:
    touched = {
        i * window.stride + k * window.dilation for i in range(n) for k in range(window.kernel)
    }
    length = max(touched) + 1 - window.before - window.after + output_padding
    assert window.transposed_output(n, output_padding) == length


@given(conv_windows(), st.data(), SIZES)
def test_a_convolution_undoes_its_transpose(window: Window, data: st.DataObject, n: int) -> None:
    output_padding = data.draw(st.integers(0, window.stride - 1))
    assert window.output(window.transposed_output(n, output_padding)) == n
    assert window.output(window.transposed_output(H, output_padding)) == H


@given(st.one_of(conv_windows(), ceil_windows(), SAME_WINDOWS), OPEN_DOMAINS)
def test_output_of_a_symbol_is_the_output_of_its_values(window: Window, domain: Domain) -> None:
    for s in admitted(domain, 20):
        assert evaluate(window.output(H), {"H": s}) == window.output(s)
        assert evaluate(window.transposed_output(H, 1), {"H": s}) == window.transposed_output(s, 1)
        assert evaluate(window.same_total(H), {"H": s}) == window.same_total(s)
