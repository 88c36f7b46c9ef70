"""The types of parameters: what they are written as, and which values they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from typing_extensions import override

from archc.language.values import LayerValue, Text, Value
from archc.shapes.size import Form

_SIMPLE = ("int", "float", "bool", "str", "layer", "list")


class Simple(NamedTuple):
    """One of int, float, bool, str, layer, list (of anything)."""

    name: str

    @override
    def __str__(self) -> str:
        return self.name


class ListOf(NamedTuple):
    """A list whose elements are all of one type."""

    element: Simple | ListOf

    @override
    def __str__(self) -> str:
        return f"list of {self.element}"


class OneOf(NamedTuple):
    """Any of several types; `of` binds tighter than `or`."""

    kinds: tuple[Simple | ListOf, ...]

    @override
    def __str__(self) -> str:
        return " or ".join(map(str, self.kinds))


ParameterType: TypeAlias = Simple | ListOf | OneOf


def parse_type(text: str) -> ParameterType | None:
    """The type that a text writes, or None where it writes none.

    >>> str(parse_type("int or list of int")), parse_type("relu")
    ('int or list of int', None)
    """
    kinds = [_single(part.split()) for part in text.split(" or ")]
    known = tuple(kind for kind in kinds if kind is not None)
    if len(known) != len(kinds):
        return None
    return known[0] if len(known) == 1 else OneOf(known)


def _single(words: list[str]) -> Simple | ListOf | None:
    if len(words) == 1 and words[0] in _SIMPLE:
        return Simple(words[0])
    if len(words) > 2 and words[:2] == ["list", "of"]:
        element = _single(words[2:])
        return ListOf(element) if element is not None else None
    return None


def type_of(value: Value, names_layer: Callable[[Text], bool]) -> ParameterType:
    """The type that a default gives its parameter.

    Like elements make a `list of T` (ints and floats together floats), others a `list`; a string
    that names an op or block is a `layer`.
    """
    if isinstance(value, tuple):
        kinds = list(dict.fromkeys(type_of(v, names_layer) for v in value))
        if len(kinds) > 1 and {*kinds} <= {Simple("int"), Simple("float")}:
            kinds = [Simple("float")]
        if len(kinds) > 1 and {*kinds} <= {Simple("layer"), Simple("str")}:
            kinds = [Simple("str")]
        one = kinds[0] if len(kinds) == 1 else None
        return ListOf(one) if one is not None and not isinstance(one, OneOf) else Simple("list")
    if isinstance(value, Text):
        return Simple("layer" if names_layer(value) else "str")
    if isinstance(value, bool):
        return Simple("bool")
    if isinstance(value, int | Form):
        return Simple("int")
    return Simple("float" if isinstance(value, float) else "layer")


def accept(kind: ParameterType, value: Value) -> tuple[Value] | None:
    """The value as one of this type, in a tuple, or None where it is none.

    An int is accepted for a float, a float without a fraction for an int; a bool is no number.
    """
    if isinstance(kind, OneOf):
        options = [a for k in kind.kinds if (a := accept(k, value)) is not None]
        exact = [a for a in options if type(a[0]) is type(value)]
        return next(iter(exact or options), None)
    if isinstance(kind, ListOf):
        if not isinstance(value, tuple):
            return None
        elements = [accept(kind.element, v) for v in value]
        if any(e is None for e in elements):
            return None
        return (tuple(e[0] for e in elements if e is not None),)
    return _accept_simple(kind.name, value)


def _accept_simple(name: str, value: Value) -> tuple[Value] | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name == "int":
        if isinstance(value, Form) or (isinstance(value, int) and is_number):
            return (value,)
        return (int(value),) if isinstance(value, float) and value.is_integer() else None
    if name == "float":
        return _as_float(value) if is_number and isinstance(value, int | float) else None
    wanted: dict[str, tuple[type, ...]] = {
        "bool": (bool,), "str": (Text,), "layer": (Text, LayerValue), "list": (tuple,),
    }  # fmt: skip
    return (value,) if isinstance(value, wanted[name]) else None


def _as_float(value: float) -> tuple[float] | None:
    try:
        return (float(value),)
    except OverflowError:
        return None
