"""The values that a spec's scalars and expressions have.

Numbers, bools, lists (as tuples), texts and layers, and sizes of the input. A text remembers where
it was written, because that decides what it names: a block of that file, a path in that scope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

from typing_extensions import override

from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed
from archc.language.tree import Tree, shown
from archc.shapes.size import Form
from archc.shapes.tensor_type import TensorType


class Text(str):
    """A string with its origin, which `archc.language.scope` reads; equal to the plain string."""

    __slots__ = ("origin",)
    origin: object

    def __new__(cls, value: str, origin: object) -> Self:
        """The text with this origin."""
        text = super().__new__(cls, value)
        text.origin = origin
        return text


class Argument(NamedTuple):
    """A value with the node and the place that it was written at."""

    value: Value | Failed
    tree: Tree
    place: Place


@dataclass(frozen=True, eq=False, slots=True)
class LayerValue:
    """A layer with arguments, as the value of a parameter: `{leaky_relu: 0.1}`.

    A layer that is a bare name is a `Text` instead. `arguments` holds the principal one under None.
    """

    name: Text
    arguments: tuple[tuple[str | None, Argument], ...]

    @override
    def __eq__(self, other: object) -> bool:
        if isinstance(other, LayerValue):
            mine = [(k, a.value) for k, a in self.arguments]
            return self.name == other.name and mine == [(k, a.value) for k, a in other.arguments]
        return not self.arguments and self.name == other

    @override
    def __hash__(self) -> int:
        return hash(str(self.name))


@dataclass(frozen=True, slots=True)
class InputValue:
    """`input` in an expression: the type of the tensor that enters, or unknown."""

    type: TensorType | Failed


Value: TypeAlias = (
    "bool | int | float | Text | tuple[Value, ...] | LayerValue | Form | InputValue | None"
)


SHOWN_LENGTH = 60
DECIMAL_BITS = 4_096
"""Larger numbers are shown in hexadecimal, as Python refuses to write them out in decimal."""


def describe(value: object) -> str:
    """A value as a spec would write it, for messages.

    >>> describe(True), describe((1, 2.0)), describe("relu")
    ('true', '[1, 2.0]', 'relu')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return shown(_describe_list(value))
    if isinstance(value, LayerValue):
        return shown(f"{{{value.name}: …}}") if value.arguments else str(value.name)
    if isinstance(value, int) and value.bit_length() > DECIMAL_BITS:
        return shown(f"{value:#x}")
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return shown(value)


def _describe_list(value: tuple[object, ...]) -> str:
    """The list as far as it is shown, so that a long one costs no more than a short one."""
    text = "["
    for index, element in enumerate(value):
        if len(text) > SHOWN_LENGTH:
            return f"{text}, …]"
        text += (", " if index else "") + describe(element)
    return f"{text}]"


def type_name(value: object) -> str:
    """The type of a value in the words of the language: `int`, `list of int`, `layer`…."""
    names: tuple[tuple[type, str], ...] = (
        (bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (LayerValue, "layer"),
        (Form, "symbolic size"),
    )  # fmt: skip
    for kind, name in names:
        if isinstance(value, kind):
            return name
    if isinstance(value, tuple):
        elements = {type_name(v) for v in value[:SHOWN_LENGTH]}
        return f"list of {elements.pop()}" if len(elements) == 1 else "list"
    return "null"
