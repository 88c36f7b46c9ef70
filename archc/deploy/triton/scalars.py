"""Values that are no messages, read as the type of their field demands.

As protobuf's own reader in C++ does, which Triton uses: an integer takes decimal, hexadecimal and
octal digits, a `float` decimal ones, a `bool` also 0 and 1, an enumeration also a number.
"""

from __future__ import annotations

import math
import re

from archc.deploy.triton.schema_table import ENUMS
from archc.deploy.triton.text_tree import Scalar

_INTEGER = re.compile(r"(-?)(?:(0|[1-9][0-9]*)|0([0-7]+)|0[xX]([0-9a-fA-F]+))\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?[fF]?\Z")
_NOT_FINITE = re.compile(r"(-?)(?:(inf(?:inity)?)|nan)\Z", re.IGNORECASE)
_BOUNDS = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "bool": (0, 1),
}
_ENUM_NUMBERS = _BOUNDS["int32"]
_BOOLS = {"true": True, "True": True, "t": True, "false": False, "False": False, "f": False}
_LONGEST_NUMBER = 400

DEFAULTS: dict[str, str | int | float | bool] = {
    "string": "", "bool": False, "float": 0.0, "double": 0.0,
    "int32": 0, "int64": 0, "uint32": 0, "uint64": 0,
}  # fmt: skip
"""What a field has that was left out."""

WANTED = {
    "string": "a string in quotes",
    "bool": "`true` or `false`",
    "int32": "a whole number of 32 bits",
    "int64": "a whole number of 64 bits",
    "uint32": "a whole number of 32 bits, 0 or more",
    "uint64": "a whole number of 64 bits, 0 or more",
    "float": "a number",
    "double": "a number",
}
"""What a type takes, as messages call it."""


def scalar_value(scalar: Scalar, kind: str) -> str | int | float | bool | None:
    """The value of a scalar for a field of this type; None where the field does not take it.

    A name that an enumeration does not have is None as well.
    """
    if kind == "string":
        return _string(scalar)
    if scalar.kind == "string":
        return None
    if kind in ENUMS:
        return _enumerated(scalar, ENUMS[kind])
    if kind in {"float", "double"}:
        return _real(scalar)
    if kind == "bool" and scalar.text in _BOOLS:
        return _BOOLS[scalar.text]
    number = _integer(scalar, *_BOUNDS[kind])
    return number if number is None or kind != "bool" else number == 1


def _string(scalar: Scalar) -> str | None:
    try:
        return scalar.content.decode() if scalar.kind == "string" else None
    except UnicodeDecodeError:
        return None


def _integer(scalar: Scalar, least: int, greatest: int) -> int | None:
    found = _INTEGER.match(scalar.text) if len(scalar.text) <= _LONGEST_NUMBER else None
    if found is None:
        return None
    sign, decimal, octal, hexadecimal = found.groups()
    if decimal is not None:
        value = int(decimal)
    else:
        value = int(octal, 8) if octal is not None else int(hexadecimal, 16)
    value = -value if sign else value
    return value if least <= value <= greatest else None


def _real(scalar: Scalar) -> float | None:
    text = scalar.text
    named = _NOT_FINITE.match(text)
    if named is not None:
        return math.copysign(math.inf if named[2] else math.nan, -1.0 if named[1] else 1.0)
    if _FLOAT.match(text):
        return float(text.rstrip("fF"))
    return None


def _enumerated(scalar: Scalar, names: tuple[str, ...]) -> str | None:
    if scalar.kind == "name":
        return scalar.text if scalar.text in names else None
    number = _integer(scalar, *_ENUM_NUMBERS)
    if number is None:
        return None
    return names[number] if 0 <= number < len(names) else str(number)
