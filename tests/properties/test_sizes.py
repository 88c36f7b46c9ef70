"""What is decided about sizes over all inputs, against trying every input of a few periods."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from archc.shapes.domain import (
    Always,
    Bound,
    Domain,
    Never,
    OnlyWhere,
    Verdict,
    differing_input,
    divisible,
    equal,
    is_fixed,
    lower_bound,
)
from archc.shapes.period import period_and_gain
from archc.shapes.size import (
    Form,
    add,
    ceil_div,
    evaluate,
    floor_div,
    product,
    scale,
    substitute,
    subtract,
)
from tests.properties.chains import (
    CHAINS,
    DOMAINS,
    OPEN_DOMAINS,
    PAIRS,
    SHORT_CHAINS,
    Chain,
    H,
    W,
    admitted,
)

VALUES = st.integers(1, 5000)


@given(CHAINS, VALUES)
def test_a_chain_in_normal_form_is_its_integer_formulas_composed(chain: Chain, value: int) -> None:
    assert evaluate(chain.size(H), {"H": value}) == chain.number(value)


@given(CHAINS, VALUES)
def test_a_chain_of_a_number_is_its_integer_formulas_composed(chain: Chain, value: int) -> None:
    assert chain.size(value) == chain.number(value)


@given(SHORT_CHAINS, SHORT_CHAINS, CHAINS, VALUES)
def test_a_chain_goes_on_after_a_sum(left: Chain, right: Chain, then: Chain, value: int) -> None:
    total = then.size(add(left.size(H), right.size(H)))
    assert evaluate(total, {"H": value}) == then.number(left.number(value) + right.number(value))


@given(CHAINS, CHAINS, VALUES, VALUES)
def test_sums_and_products_of_two_symbols(left: Chain, right: Chain, h: int, w: int) -> None:
    a, b = left.size(H), right.size(W)
    x, y, values = left.number(h), right.number(w), {"H": h, "W": w}
    assert evaluate(add(a, b), values) == x + y
    assert evaluate(subtract(a, b), values) == x - y
    assert evaluate(product([a, b, a]), values) == x * y * x
    assert evaluate(floor_div(product([a, b]), 3), values) == x * y // 3
    assert evaluate(ceil_div(add(a, b), 4), values) == -((x + y) // -4)


@given(CHAINS, CHAINS, VALUES)
def test_replacing_a_symbol_is_composing(first: Chain, then: Chain, value: int) -> None:
    assert substitute(then.size(H), {"H": first.size(H)}) == then.size(first.size(H))
    assert substitute(then.size(H), {"H": value}) == then.number(value)


@given(CHAINS.filter(lambda chain: isinstance(chain.size(H), Form)), VALUES)
def test_a_period_repeats_a_form_but_for_its_gain(chain: Chain, value: int) -> None:
    form = chain.size(H)
    assert isinstance(form, Form)
    period, gain = period_and_gain(form, "H")
    assert chain.number(value + period) == chain.number(value) + gain
    assert chain.period % period == 0


def check_verdict(
    verdict: Verdict, holds: Callable[[int], bool], domain: Domain, period: int
) -> None:
    """Holds a verdict against the truth at every admitted value of a few periods."""
    truth = {s: holds(s) for s in admitted(domain, max(4 * period, 70))}
    assert isinstance(verdict, Always) == all(truth.values())
    if isinstance(verdict, OnlyWhere):
        assert truth == {s: s % verdict.period in verdict.residues for s in truth}
        enough = Domain(1, None, verdict.multiple_of, verdict.remainder)
        assert any(enough.admits(s) for s in truth)
        assert all(truth[s] for s in truth if enough.admits(s))
        # What the condition admits, the domain admits as well: the `where` may stand in its place.
        assert verdict.multiple_of % domain.multiple_of == 0
        assert verdict.remainder % domain.multiple_of == domain.remainder
        if domain.most is None and verdict.multiple_of * period <= 4000:  # else it takes long
            check_weakest(verdict, holds, domain, period)
    if isinstance(verdict, Never) and domain.most is None:
        classes = {s % period for s in truth}
        assert all(any(not truth[s] for s in truth if s % period == c) for c in classes)


def check_weakest(
    verdict: OnlyWhere, holds: Callable[[int], bool], domain: Domain, period: int
) -> None:
    """No condition of a smaller modulus, nor a smaller remainder of the same, is enough."""
    for modulus in range(1, verdict.multiple_of + 1):
        below = verdict.remainder if modulus == verdict.multiple_of else modulus
        for remainder in range(below):
            condition = Domain(domain.least, None, modulus, remainder)
            meant = admitted(condition, modulus * period)
            assert not all(domain.admits(s) and holds(s) for s in meant)


@given(PAIRS, DOMAINS)
def test_equality_agrees_with_trying_every_input(pair: tuple[Chain, Chain], domain: Domain) -> None:
    left, right = pair
    period = math.lcm(left.period, right.period, domain.multiple_of)
    verdict = equal(left.size(H), right.size(H), {"H": domain})
    check_verdict(verdict, lambda s: left.number(s) == right.number(s), domain, period)


@given(SHORT_CHAINS, st.integers(1, 6), st.integers(0, 5), DOMAINS)
def test_divisibility_agrees_with_trying_every_input(
    chain: Chain, by: int, remainder: int, domain: Domain
) -> None:
    period = math.lcm(chain.period * by, domain.multiple_of)
    verdict = divisible(chain.size(H), by, {"H": domain}, remainder)
    check_verdict(verdict, lambda s: (chain.number(s) - remainder) % by == 0, domain, period)


@given(PAIRS, DOMAINS)
def test_a_difference_is_fixed_exactly_where_it_is(
    pair: tuple[Chain, Chain], domain: Domain
) -> None:
    left, right = pair
    period = math.lcm(left.period, right.period, domain.multiple_of)
    found = {left.number(s) - right.number(s) for s in admitted(domain, max(4 * period, 70))}
    fixed = is_fixed(subtract(left.size(H), right.size(H)), {"H": domain})
    assert fixed == (next(iter(found)) if len(found) == 1 else None)


@given(PAIRS, DOMAINS)
def test_a_differing_input_is_admitted_and_differs(
    pair: tuple[Chain, Chain], domain: Domain
) -> None:
    left, right = pair
    found = differing_input(left.size(H), right.size(H), {"H": domain})
    if found is not None:
        assert domain.admits(found["H"])
        assert left.number(found["H"]) != right.number(found["H"])
    elif domain.most is not None:
        assert all(left.number(s) == right.number(s) for s in admitted(domain, 64))


@given(SHORT_CHAINS, SHORT_CHAINS, st.integers(-5, 60), DOMAINS)
def test_the_smallest_admitted_input_is_admitted_and_the_one_before_is_not(
    left: Chain, right: Chain, least: int, domain: Domain
) -> None:
    size = add(left.size(H), right.size(H))
    assert isinstance(size, Form)
    bound = lower_bound(size, least, {"H": domain})
    assert isinstance(bound, Bound)
    start = domain.first_from(bound.least)
    period = math.lcm(left.period, right.period, domain.multiple_of)
    numbers = range(start, start + 3 * period, domain.multiple_of)
    assert all(left.number(s) + right.number(s) >= least for s in numbers)
    before = start - domain.multiple_of
    if before >= domain.first:
        assert left.number(before) + right.number(before) < least


@given(PAIRS, st.integers(-6, 6), DOMAINS)
def test_a_bound_of_a_difference_is_exact_or_refused(
    pair: tuple[Chain, Chain], least: int, domain: Domain
) -> None:
    left, right = pair
    size = subtract(left.size(H), right.size(H))
    if isinstance(size, int):
        return
    period = math.lcm(left.period, right.period, domain.multiple_of)
    bound = lower_bound(size, least, {"H": domain})
    if isinstance(bound, Never):
        values = admitted(domain, max(60 * period, 200))
        late = values if domain.most is None else values[-1:]
        assert any(left.number(s) - right.number(s) < least for s in late[-period:])
        return
    assert isinstance(bound, Bound)
    start = domain.first_from(bound.least)
    later = [s for s in range(start, start + 3 * period) if domain.admits(s)]
    assert all(left.number(s) - right.number(s) >= least for s in later)
    before = start - domain.multiple_of
    if domain.admits(before):
        assert left.number(before) - right.number(before) < least


TWO_DOMAINS = st.tuples(OPEN_DOMAINS, DOMAINS)


def grid(domains: tuple[Domain, Domain], periods: tuple[int, int]) -> list[tuple[int, int]]:
    rows, columns = (
        admitted(d, 2 * math.lcm(p, d.multiple_of)) for d, p in zip(domains, periods, strict=True)
    )
    return [(h, w) for h in rows for w in columns]


@given(PAIRS.filter(lambda pair: pair[0].period * pair[1].period <= 36), SHORT_CHAINS, TWO_DOMAINS)
def test_products_of_two_symbols_are_equal_where_every_input_says_so(
    pair: tuple[Chain, Chain], other: Chain, both: tuple[Domain, Domain]
) -> None:
    left, right = pair
    size = other.size(W)
    domains = dict(zip("HW", both, strict=True))
    verdict = equal(product([left.size(H), size, 3]), product([3, size, right.size(H)]), domains)
    points = grid(both, (math.lcm(left.period, right.period), other.period))
    truth = {
        (h, w): left.number(h) * other.number(w) == other.number(w) * right.number(h)
        for h, w in points
    }
    if isinstance(verdict, Always):
        assert all(truth.values())
    else:
        assert not all(truth.values()) or slope(left) != slope(right)
    if isinstance(verdict, OnlyWhere) and verdict.symbol == "H":
        assert all(truth[h, w] for h, w in points if h % verdict.period in verdict.residues)


def slope(chain: Chain) -> float:
    return (chain.number(chain.period * 100) - chain.number(0)) / (chain.period * 100)


@given(PAIRS.filter(lambda pair: pair[0].period * pair[1].period <= 36), SHORT_CHAINS, TWO_DOMAINS)
def test_sums_over_two_symbols_are_equal_where_every_input_says_so(
    pair: tuple[Chain, Chain], other: Chain, both: tuple[Domain, Domain]
) -> None:
    left, right = pair
    domains = dict(zip("HW", both, strict=True))
    a = floor_div(add(scale(left.size(H), 2), scale(other.size(W), 4)), 2)
    b = add(right.size(H), other.size(W), other.size(W))
    verdict = equal(a, b, domains)
    period = math.lcm(left.period, right.period, both[0].multiple_of)
    check_verdict(verdict, lambda s: left.number(s) == right.number(s), both[0], period)


@given(SHORT_CHAINS, SHORT_CHAINS, st.integers(0, 40), TWO_DOMAINS)
def test_a_bound_of_a_sum_over_two_symbols_is_enough(
    left: Chain, right: Chain, least: int, both: tuple[Domain, Domain]
) -> None:
    domains = dict(zip("HW", both, strict=True))
    size = add(left.size(H), right.size(W))
    assert isinstance(size, Form)
    bound = lower_bound(size, least, domains)
    assert isinstance(bound, Bound)
    start = {name: domain.first for name, domain in domains.items()}
    start[bound.symbol] = domains[bound.symbol].first_from(bound.least)
    for i in range(20):
        for k in range(20):
            h = start["H"] + i * both[0].multiple_of
            w = start["W"] + k * both[1].multiple_of
            assert left.number(h) + right.number(w) >= least
