"""Every argument of every op in the JSON Schema: it takes the literals that archc takes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.editor.json_schema import json_schema
from archc.language.library import zoo_folder
from archc.language.spec import MODIFIERS
from archc.layers.catalog import layer_class, op_names
from tests.editor.schema import (
    document,
    misfits,
    misspellings,
    refused_layers,
    rules_found,
    validator,
)

LITERALS = (
    "-1", "0", "1", "2", "5", "1.5", "2.0", "1e-3", "-0.5", "1e60", "true", "word", "same",
    "channels", "height", "nearest", "ones", "zeros", "[]", "[1]", "[1, 2]", "[2, 0]", "[1, 2, 3]",
    "[1, 2, 3, 4]", "[1, 1, 1, 1, 1]", "[0.5, 1.5]", "[[1, 2], [3, 4]]", "[[[1]]]", "[[[[1.5]]]]",
    "[[1], 2]", "[true]", "[a, b]", "[height, width]", "null",
)  # fmt: skip
"""Values of every kind; what is wrong with one for its input is no matter of types."""

ARGUMENTS = [(op, name) for op in op_names() for name in layer_class(op).model_fields]
PATHS = {(op, layer_class(op).path_argument) for op in op_names()}


def _inside(op: str, name: str, value: str) -> str:
    """A use of an op with an argument inside."""
    branches = "branches: [[], []], " if layer_class(op).takes_branches else ""
    return f"{{{op}: {{{branches}{name}: {value}}}}}"


def _beside(op: str, name: str, value: str) -> str:
    """A use of an op with an argument beside it, where it is not the principal one."""
    first = next(iter(layer_class(op).model_fields))
    if layer_class(op).takes_branches:
        return f"{{{op}: [[], []], {name}: {value}}}"
    return f"{{{op}: {value}}}" if name == first else f"{{{op}: $x, {name}: {value}}}"


@pytest.mark.parametrize(("op", "name"), [a for a in ARGUMENTS if a not in PATHS])
def test_literal_is_taken_where_archc_takes_it(op: str, name: str) -> None:
    layers = [_inside(op, name, value) for value in LITERALS]
    refused = refused_layers(layers, op)
    assert refused
    assert refused == misfits(layers)


@pytest.mark.parametrize(("op", "name"), [a for a in ARGUMENTS if a not in PATHS])
def test_literal_beside_the_op_is_judged_as_inside(op: str, name: str) -> None:
    values = [value for value in LITERALS if value != "null"]  # beside it, that is no argument
    inside = refused_layers([_inside(op, name, value) for value in values], op)
    beside = refused_layers([_beside(op, name, value) for value in values], op)
    assert [_beside(op, name, v) for v in values if _inside(op, name, v) in inside] == beside


@pytest.mark.parametrize(("op", "name"), sorted(p for p in PATHS if p[1] is not None))
def test_path_is_a_text_or_a_number(op: str, name: str) -> None:
    layers = [_inside(op, name, value) for value in ("encoder.0", "3", "[a]", "1.5")]
    assert refused_layers(layers, op) == layers[2:]


@pytest.mark.parametrize(("op", "name"), ARGUMENTS)
def test_argument_may_be_an_expression(op: str, name: str) -> None:
    values = ("$x", "$x.0", "$(1 + 1)", '"$(min(1, 2))"', "{a: 1}")
    layers = [_inside(op, name, value) for value in values]
    assert refused_layers(layers, op) == layers[-1:]


@pytest.mark.parametrize(("op", "name"), ARGUMENTS)
def test_misspelt_argument_is_refused(op: str, name: str) -> None:
    known = (*layer_class(op).model_fields, *MODIFIERS, op)
    wrong = [word for word in misspellings(name) if word not in known]
    assert wrong
    beside = [f"{{{op}: $x, {word}: $y}}" for word in wrong]
    inside = [_inside(op, word, "$y") for word in wrong]
    assert refused_layers(beside) == beside
    assert refused_layers(inside, op) == inside


def test_argument_that_is_no_ops_is_refused_inside_it() -> None:
    layers = [_inside(op, "colour", "3") for op in op_names()]
    assert refused_layers(layers) == layers


DEFINITIONS = json_schema()["definitions"]


@pytest.mark.parametrize("op", op_names())
def test_op_is_described_with_its_defaults(op: str) -> None:
    said = DEFINITIONS[op]["properties"][op]["description"]
    assert said
    assert said.startswith((layer_class(op).__doc__ or "").partition("\n")[0])
    for name, field in layer_class(op).model_fields.items():
        argument = DEFINITIONS[f"{op}_arguments"]["properties"][name]
        default = None if field.is_required() else field.default
        assert argument.get("default") == default
        assert argument["description"]


SPECS = [
    zoo_folder() / f"{name}.yaml"
    for name in ("resnet", "lenet", "keras/mobilenet", "timm/xception")
]


@given(st.sampled_from(SPECS), st.randoms(use_true_random=False))
def test_what_the_schema_refuses_archc_refuses(spec: Any, r: random.Random) -> None:
    text = spec.read_text(encoding="utf-8")
    wrong = document(text)
    _spoil(wrong, r)
    if validator().is_valid(wrong):
        return
    assert rules_found(_written(wrong), str(spec)), _written(wrong)


def _written(value: Any) -> str:
    """A document in brackets, its texts in quotes where they are no numbers."""
    return json.dumps(value, ensure_ascii=False)


def _spoil(value: Any, r: random.Random) -> None:
    """Changes one thing, somewhere below a mapping or a list."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = r.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and r.random() < 0.85:
            value = inner
            continue
        kind = r.random()
        if kind < 0.3:
            del value[key]
        elif kind < 0.6 and isinstance(value, dict):
            items = [(f"{k}x" if k == key else k, v) for k, v in value.items()]
            value.clear()
            value.update(items)
        else:
            value[key] = r.choice((3, -1, 2.5, True, "word", "$(1 + 1)", [], [1, 2], {"a": 1}))
        return
