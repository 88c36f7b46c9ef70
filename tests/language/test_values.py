"""Types of parameters and values of YAML's core schema, apart from any spec."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.language.parameter_type import accept, parse_type, type_of
from archc.language.scope import Origin
from archc.language.values import Argument, LayerValue, Text, Value, describe
from archc.stages.parse import resolve

ORIGIN = Origin(None, None)


def text(value: str) -> Text:
    return Text(value, ORIGIN)


def layer(name: str) -> LayerValue:
    from archc.diagnostics.place import Place, Source, Span
    from archc.language.tree import Scalar

    span = Span(Source("x", ""), 1, 1, 1, 1)
    return LayerValue(text(name), ((None, Argument(1, Scalar(1, "1", span), Place(span))),))


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("Y", "Y"),
        ("0", 0), ("-0", 0), ("+3", 3), ("007", 7), ("0777", 777), ("0o17", 15), ("0o8", "0o8"),
        ("-0o17", "-0o17"), ("0x1F", 31), ("0X1F", "0X1F"), ("0b1", "0b1"), ("1_000", "1_000"),
        ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("1E+3", 1000.0), ("1e-3", 1e-3), ("-.5", -0.5),
        (".", "."), ("1e", "1e"), ("e3", "e3"), ("+", "+"), ("-", "-"), ("1.2.3", "1.2.3"),
        (".inf", math.inf), ("-.Inf", -math.inf), ("+.INF", math.inf), ("inf", "inf"),
        ("12:30", "12:30"), ("2001-01-01", "2001-01-01"), ("1e400", math.inf),
    ],
)  # fmt: skip
def test_plain_scalar_is_read_by_the_core_schema(plain: str, value: object) -> None:
    found = resolve(plain)

    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_read() -> None:
    assert all(math.isnan(float(resolve(p) or 0)) for p in (".nan", ".NaN", ".NAN"))


@given(st.floats(allow_nan=False, allow_infinity=False).map(repr))
def test_numbers_that_python_writes_are_read_back(written: str) -> None:
    assert resolve(written) == float(written)


@pytest.mark.parametrize(
    "written",
    ["int", "float", "bool", "str", "layer", "list", "list of int", "list of list of layer",
     "int or list of int", "list of int or str or bool"],
)  # fmt: skip
def test_type_is_written_as_it_is_read(written: str) -> None:
    assert str(parse_type(written)) == written


@pytest.mark.parametrize(
    "written", ["", "integer", "list of", "of int", "int or", "or", "int, str"]
)
def test_other_texts_are_no_types(written: str) -> None:
    assert parse_type(written) is None


ACCEPTED: list[tuple[str, Value, Value]] = [
    ("int", 3, 3), ("int", 3.0, 3), ("float", 3, 3.0), ("bool", True, True), ("list", (), ()),
    ("list of int", (1.0, 2), (1, 2)), ("list of float", (1, 2.5), (1.0, 2.5)),
    ("int or list of int", (1.0,), (1,)), ("int or float", 3.0, 3.0), ("float or int", 3, 3),
    ("int or float", 2.5, 2.5), ("list of list of int", ((1,), ()), ((1,), ())),
    ("list", (1, text("a"), (2,)), (1, text("a"), (2,))),
]  # fmt: skip
REFUSED: list[tuple[str, Value]] = [
    ("int", True), ("float", False), ("int", 2.5), ("int", math.inf), ("int", math.nan),
    ("bool", 1), ("str", 3), ("layer", 3), ("list", 3), ("list of int", (1, 2.5)),
    ("list of int", (1, True)), ("list of int", 1), ("int or bool", 2.5), ("str", layer("elu")),
    ("float", 10**400), ("list of str", (text("a"), 1)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "expected"), ACCEPTED)
def test_value_is_accepted_as_its_type(kind: str, value: Value, expected: Value) -> None:
    parsed = parse_type(kind)
    assert parsed is not None
    found = accept(parsed, value)

    assert found == (expected,)
    assert found is not None
    assert repr(found[0]) == repr(expected)


@pytest.mark.parametrize(("kind", "value"), REFUSED, ids=range(len(REFUSED)))
def test_value_of_another_type_is_refused(kind: str, value: Value) -> None:
    parsed = parse_type(kind)
    assert parsed is not None
    assert accept(parsed, value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "int"), (3.0, "float"), (True, "bool"), (text("relu"), "layer"), (text("x"), "str"),
        (layer("elu"), "layer"), ((), "list"), ((1, 2), "list of int"), ((1, 2.5), "list of float"),
        ((1, True), "list"), ((text("relu"), text("x")), "list of str"),
        (((1,), (2,)), "list of list of int"), ((1, text("x")), "list"),
        ((text("relu"), layer("elu")), "list of layer"),
    ],
)  # fmt: skip
def test_default_gives_its_type(value: Value, expected: str) -> None:
    assert str(type_of(value, lambda name: name == "relu")) == expected


@given(
    st.recursive(
        st.one_of(st.integers(), st.floats(), st.booleans(), st.text().map(text)),
        lambda inner: st.lists(inner).map(tuple),
    )
)
def test_description_of_any_value_is_short(value: Value) -> None:
    assert len(describe(value)) <= 70


def test_layer_without_arguments_equals_its_name() -> None:
    assert LayerValue(text("relu"), ()) == text("relu")
    assert layer("elu") != text("elu")
    assert layer("elu") == layer("elu")
    assert layer("elu") in (text("relu"), layer("elu"))
