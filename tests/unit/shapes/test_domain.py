from __future__ import annotations

import pytest

from archc.shapes.domain import (
    PERIOD_BOUND,
    Always,
    Bound,
    Domain,
    Never,
    OnlyWhere,
    Undecided,
    differing_input,
    divisible,
    equal,
    is_fixed,
    lower_bound,
)
from archc.shapes.size import Form, Size, add, floor_div, product, scale, subtract, symbol

H, W = symbol("H"), symbol("W")
HALVED = floor_div(H, 2)


def form(size: Size) -> Form:
    assert isinstance(size, Form)
    return size


@pytest.mark.parametrize(
    ("domain", "text", "first"),
    [
        (Domain(), "{}", 1),
        (Domain(32), "{min: 32}", 32),
        (Domain(33, 100, 32), "{min: 33, max: 100, multiple_of: 32}", 64),
        (Domain(1, None, 32, 1), "{multiple_of: 32, remainder: 1}", 1),
        (Domain(-5, None, 4, 9), "{multiple_of: 4, remainder: 9}", 1),
    ],
)
def test_a_domain_reads_as_its_where_and_knows_its_first(
    domain: Domain, text: str, first: int
) -> None:
    assert str(domain) == text
    assert domain.first == first
    assert domain.admits(first)
    assert not any(domain.admits(s) for s in range(-40, first))


def test_a_domain_ends_at_its_most() -> None:
    domain = Domain(10, 40, 8, 3)
    assert [s for s in range(100) if domain.admits(s)] == [11, 19, 27, 35]
    assert [domain.nth(k) for k in range(6)] == [11, 19, 27, 35, 35, 35]
    assert domain.reaches(35)
    assert not domain.reaches(36)


@pytest.mark.parametrize(
    ("verdict", "text", "where"),
    [
        (
            equal(scale(HALVED, 2), H, {}),
            "H is a multiple of 2",
            "where: {H: {multiple_of: 2}}",
        ),
        (
            equal(scale(floor_div(H, 32), 32), add(H, -1), {}),
            "H is 1 more than a multiple of 32",
            "where: {H: {multiple_of: 32, remainder: 1}}",
        ),
        (
            equal(floor_div(add(H, 4), 8), floor_div(H, 8), {}),
            "H mod 8 is 0 to 3",
            "where: {H: {multiple_of: 8}}",
        ),
        (
            divisible(floor_div(H, 3), 2, {}),
            "H mod 6 is 0 to 2",
            "where: {H: {multiple_of: 6}}",
        ),
        (
            equal(add(floor_div(H, 6), floor_div(add(H, 4), 6)), scale(floor_div(H, 3), 1), {}),
            "H mod 6 is 0, 1 or 3 to 5",
            "where: {H: {multiple_of: 2, remainder: 1}}",
        ),
        (
            divisible(add(H, floor_div(H, 2)), 16, {}),
            "H mod 32 is 0 or 11",
            "where: {H: {multiple_of: 32}}",
        ),
        (
            divisible(product([H, add(H, 1), add(H, 2)]), 120, {}),
            "H mod 40 is 0, 4, 8, 10, 14, 15, 18, 20, …",
            "where: {H: {multiple_of: 10}}",
        ),
    ],
)
def test_a_partial_verdict_says_where_it_holds(verdict: OnlyWhere, text: str, where: str) -> None:
    assert str(verdict) == text
    assert verdict.where == where


@pytest.mark.parametrize(
    ("a", "b", "domains", "verdict"),
    [
        (7, 7, {}, Always()),
        (7, 8, {}, Never()),
        (H, H, {}, Always()),
        (H, W, {}, Never()),
        (H, add(H, 1), {}, Never()),
        (scale(H, 2), H, {}, Never()),
        (scale(HALVED, 2), H, {"H": Domain(multiple_of=32)}, Always()),
        (scale(HALVED, 2), H, {"H": Domain(multiple_of=2, remainder=1)}, Never()),
        (scale(HALVED, 2), H, {"H": Domain(32, 32)}, Always()),
        (scale(HALVED, 2), H, {"H": Domain(33, 33)}, Never()),
        (scale(floor_div(H, 32), 32), H, {"H": Domain(1, 10)}, Never()),
        (floor_div(H, 32), 0, {"H": Domain(1, 31)}, Always()),
        (floor_div(H, 32), 0, {"H": Domain(1, 32)}, Never()),
        (floor_div(add(H, W), 2), 5, {"H": Domain(5, 5), "W": Domain(5, 6)}, Always()),
        (product([scale(HALVED, 2), W]), product([H, W]), {"H": Domain(multiple_of=2)}, Always()),
        (product([scale(HALVED, 2), W]), product([H, W]), {}, OnlyWhere("H", 2, (0,), 2, 0)),
        (product([H, H]), H, {"H": Domain(1, 1)}, Always()),
        (product([H, H]), H, {}, Never()),
        (scale(floor_div(H, PERIOD_BOUND + 1), PERIOD_BOUND + 1), H, {}, Undecided()),
    ],
)
def test_equality_is_decided(a: Size, b: Size, domains: dict[str, Domain], verdict: object) -> None:
    assert equal(a, b, domains) == verdict


@pytest.mark.parametrize(
    ("size", "by", "domains", "verdict"),
    [
        (12, 4, {}, Always()),
        (13, 4, {}, Never()),
        (scale(H, 4), 2, {}, Always()),
        (H, 4, {}, OnlyWhere("H", 4, (0,), 4, 0)),
        (H, 4, {"H": Domain(1, 100)}, OnlyWhere("H", 4, (0,), 4, 0)),
        (H, 4, {"H": Domain(multiple_of=2)}, OnlyWhere("H", 4, (0,), 4, 0)),
        (H, 4, {"H": Domain(multiple_of=2, remainder=1)}, Never()),
        (scale(product([H, W]), 64), 2, {}, Always()),
        (product([H, W]), 2, {"W": Domain(multiple_of=2)}, Always()),
        (add(product([H, scale(W, 2)]), H), 2, {}, OnlyWhere("H", 2, (0,), 2, 0)),
        (product([H, W]), 2, {}, Never()),
        (product([H, add(H, 1)]), 2, {}, Always()),
        (floor_div(product([H, W]), 2), 3, {"H": Domain(multiple_of=6)}, Always()),
        (floor_div(product([H, floor_div(product([H, W]), 2)]), 3), 2, {}, Never()),
        (
            floor_div(product([H, floor_div(product([H, W]), 2)]), 3),
            2,
            {"H": Domain(multiple_of=6)},
            Always(),
        ),
    ],
)
def test_divisibility_is_decided(
    size: Size, by: int, domains: dict[str, Domain], verdict: object
) -> None:
    assert divisible(size, by, domains) == verdict


@pytest.mark.parametrize(
    ("size", "least", "domains", "bound"),
    [
        (H, 7, {}, Bound("H", 7)),
        (floor_div(add(H, 31), 32), 3, {}, Bound("H", 65)),
        (add(scale(HALVED, 3), -1), 5, {}, Bound("H", 4)),
        (floor_div(scale(H, 3), 2), 4, {}, Bound("H", 3)),
        (subtract(H, scale(HALVED, 2)), 0, {}, Bound("H", 1)),
        (subtract(H, scale(HALVED, 2)), 1, {}, Never()),
        (subtract(H, scale(HALVED, 2)), 1, {"H": Domain(5, 5)}, Bound("H", 5)),
        (subtract(10, H), 3, {}, Never()),
        (subtract(10, H), 3, {"H": Domain(1, 7)}, Bound("H", 1)),
        (subtract(10, H), 3, {"H": Domain(1, 8)}, Never()),
        (add(H, W), 20, {}, Bound("H", 19)),
        (add(H, W), 20, {"H": Domain(1, 3)}, Bound("W", 19)),
        (product([H, W]), 1, {}, Bound("H", 1)),
        (product([H, W]), 12, {"W": Domain(3)}, Bound("H", 4)),
        (product([H, H]), 12, {}, Undecided()),
        (product([H, H]), 9, {"H": Domain(3)}, Bound("H", 3)),
        (product([H, floor_div(W, 8)]), 1, {}, Bound("W", 8)),
        (add(floor_div(H, PERIOD_BOUND), H), 9, {"H": Domain(1, 5)}, Bound("H", 9)),
        (add(floor_div(H, PERIOD_BOUND + 1), H), 9, {}, Undecided()),
        (subtract(10**6, H), 9, {"H": Domain(1, 10**6)}, Undecided()),
    ],
)
def test_a_lower_bound_is_found(
    size: Size, least: int, domains: dict[str, Domain], bound: object
) -> None:
    assert lower_bound(form(size), least, domains) == bound


def test_a_fixed_size_is_known() -> None:
    assert is_fixed(7, {}) == 7
    assert is_fixed(H, {}) is None
    assert is_fixed(H, {"H": Domain(224, 224)}) == 224
    assert is_fixed(subtract(scale(HALVED, 2), H), {"H": Domain(multiple_of=4, remainder=1)}) == -1
    assert is_fixed(product([H, W]), {"H": Domain(2, 2), "W": Domain(3, 3)}) == 6


def test_a_differing_input_is_small_and_admitted() -> None:
    assert differing_input(scale(HALVED, 2), H, {"H": Domain(32)}) == {"H": 33}
    assert differing_input(H, W, {"H": Domain(5, 5), "W": Domain(5, 6)}) == {"H": 5, "W": 6}
    assert differing_input(H, H, {}) is None
