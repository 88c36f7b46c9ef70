"""Expressions mean what they mean in Python, within their bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.place import Source, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.evaluate import Evaluator
from archc.language.expression_reader import DEPTH_BOUND
from archc.language.scope import Context, Environment, Origin
from archc.language.tree import Scalar
from tests.language.specs import validate


def evaluate(text: str) -> tuple[object, list[str]]:
    """The value of a text, and the rules that it breaks."""
    reporter = Reporter()
    span = Span(Source("x", text), 1, 1, 1, len(text) + 1)
    context = Context(Origin(None, None), Environment({"x": 7, "xs": (1, 2, (3, 4)), "t": True}))
    value = Evaluator(reporter).scalar(Scalar(text, text, span), context)
    return value, [d.rule.slug for d in reporter.diagnostics]


NUMBERS = st.one_of(st.integers(0, 99), st.sampled_from([0.5, 2.0, 1e3, 0.125]))
ATOMS = st.one_of(
    NUMBERS.map(repr), st.sampled_from(["x", "xs[0]", "xs[-1][1]", "len(xs)", "max(x, 3)"])
)
ARITHMETIC = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        st.tuples(inner, inner).map(lambda two: f"min({two[0]}, {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} if {two[1]} > 3 else {two[1]})"),
    ),
    max_leaves=8,
)
COMPARISONS = st.tuples(
    ARITHMETIC, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), ARITHMETIC
).map(" ".join)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=4,
)


@given(st.one_of(ARITHMETIC, CONDITIONS))
def test_value_is_that_of_python(text: str) -> None:
    value, rules = evaluate(f"$({text})")
    names = {"x": 7, "xs": (1, 2, (3, 4)), "len": len, "max": max, "min": min}
    try:
        expected = eval(text, {"__builtins__": {}}, names)
    except (ZeroDivisionError, OverflowError):
        assert rules == ["expression/arithmetic"]
        return
    assert rules == []
    same = value == expected or (isinstance(expected, float) and math.isnan(expected))
    assert same
    assert type(value) is type(expected)


@given(st.text(alphabet="$()[]{}'\"\\.,:+-*/%<>=! \n\tabx01if_é", max_size=40))
def test_any_text_is_a_value_or_a_mistake(text: str) -> None:
    value, rules = evaluate(text)

    assert isinstance(value, Failed) == bool(rules)
    assert all(rule.startswith("expression/") for rule in rules)


def test_longest_chain_and_deepest_nesting_are_evaluated() -> None:
    chain = "+".join(["1"] * DEPTH_BOUND)
    nested = "(" * (DEPTH_BOUND - 1) + "1" + ")" * (DEPTH_BOUND - 1)

    assert evaluate(f"$({chain})") == (DEPTH_BOUND, [])
    assert evaluate(f"$({nested})") == (1, [])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("+".join(["1"] * 900), "expression/too-deep"),
        ("**".join(["1"] * 600), "expression/too-deep"),
        ("(" * 900, "expression/dollar"),
        ("(" * 600 + "1" + ")" * 600, "expression/too-deep"),
        ("-" * 1_500 + "1", "expression/too-deep"),
        ("not " * 400 + "t", "expression/too-deep"),
        ("xs" + "[0]" * 600, "expression/too-deep"),
        ("1 if t else " * 150 + "1", "expression/too-deep"),
        ("1" * 1_900, "expression/too-long"),
        ("1" * 2_100, "expression/too-long"),
        ("9 ** 9 ** 9", "expression/too-large"),
        ("2.0 ** 9 ** 9", "expression/arithmetic"),
        ("(2 ** 4000) * (2 ** 4000)", "expression/too-large"),
        ("range(10 ** 300)", "expression/too-large"),
        ("[0] * 10 ** 9", "expression/too-large"),
        ("'a' * 10 ** 9", "expression/too-large"),
        ("[range(9999)] * 9999", "expression/too-large"),
        ("sum([range(9999)] * 9, [])", "expression/too-large"),
        ("int('9' * 9999)", "expression/arithmetic"),
        ("0 ** -1", "expression/arithmetic"),
        ("(-8) ** 0.5", "expression/arithmetic"),
        ("floor(1e308 * 10)", "expression/arithmetic"),
    ],
    ids=lambda text: text[:20],
)
def test_hostile_expression_ends_quickly_in_a_mistake(text: str, rule: str) -> None:
    assert evaluate(f"$({text})")[1] == [rule]


def test_rounding_to_many_digits_changes_nothing() -> None:
    assert evaluate("$(round(5, -10 ** 9))")[0] == 0
    assert evaluate("$(round(1.25, 10 ** 9))")[0] == 1.25


@pytest.mark.parametrize("text", ["$" + "x" * 5_000, "$xs" + ".0" * 900, "$xs." + "9" * 5_000])
def test_long_short_form_is_a_mistake(text: str) -> None:
    assert len(evaluate(text)[1]) == 1


def test_long_text_is_evaluated_and_a_longer_one_is_a_mistake() -> None:
    assert evaluate("$(x)" * 1_000)[0] == "7" * 1_000
    assert evaluate("$(x)" * 10_000)[1] == ["expression/too-long"]


def test_values_built_from_values_are_bounded() -> None:
    doubling = "\n".join(f"  a{i}: [$a{i - 1}, $a{i - 1}]" for i in range(1, 40))
    layers = "\n".join(f"  b{i}: {{f: $b{i - 1}, g: $b{i - 1}}}" for i in range(1, 40))
    nested = "\n".join(f"  c{i}: [$c{i - 1}]" for i in range(1, 900))
    text = f"let:\n  a0: [1]\n{doubling}\n  b0: {{f: 1}}\n{layers}\n  c0: [1]\n{nested}\n"

    found = validate(f"{text}layers: [relu]")

    assert found.rules == ["expression/too-large"] * 3


@given(st.floats(0.1, 1e4), st.integers(1, 64))
def test_divisible_is_the_rule_of_the_mobile_networks(v: float, by: int) -> None:
    value, _ = evaluate(f"$(divisible({v!r}, by={by}))")
    expected = max(by, math.floor((v + by / 2) / by) * by)

    assert value in (expected, expected + by)
    assert isinstance(value, int)
    assert value % by == 0
    assert value >= 0.9 * v
