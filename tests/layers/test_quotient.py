"""Exact quotients of products of sizes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archc.layers.quotient import NoQuotient, content, quotient
from archc.shapes.size import Size, add, evaluate, floor_div, product, scale, symbol

H, W = symbol("H"), symbol("W")
PARTS: list[Size] = [H, W, add(H, 1), add(scale(H, 2), 4), floor_div(add(W, 1), 2), scale(W, 3), 2]
VALUES = {"H": 7, "W": 10}


@given(st.lists(st.sampled_from(PARTS), max_size=4), st.lists(st.sampled_from(PARTS), max_size=3))
def test_a_product_is_divided_by_a_part_of_it(kept: list[Size], taken: list[Size]) -> None:
    found = quotient([*kept, *taken], reversed(taken))
    assert not isinstance(found, NoQuotient)
    assert evaluate(found, VALUES) == evaluate(product(kept), VALUES)


@given(st.lists(st.sampled_from(PARTS), max_size=4), st.lists(st.sampled_from(PARTS), max_size=4))
def test_what_is_left_has_the_same_ratio(over: list[Size], under: list[Size]) -> None:
    found = quotient(over, under)
    left = found if isinstance(found, NoQuotient) else NoQuotient(found, 1)
    above, below = evaluate(product(over), VALUES), evaluate(product(under), VALUES)
    assert above * evaluate(left.under, VALUES) == below * evaluate(left.over, VALUES)


def test_what_does_not_divide_is_no_quotient() -> None:
    assert quotient([6, H], [4]) == NoQuotient(scale(H, 3), 2)
    assert quotient([6, H], [W]) == NoQuotient(scale(H, 6), W)


@given(st.integers(1, 20), st.sampled_from(PARTS))
def test_the_content_divides_every_value(factor: int, size: Size) -> None:
    scaled = scale(size, factor)
    assert content(scaled) % factor == 0
    assert evaluate(scaled, VALUES) % content(scaled) == 0
