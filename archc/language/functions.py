"""The functions and operators of expressions: Python's meaning, bounded results."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

NUMBER_BITS_BOUND = 4_096
LENGTH_BOUND = 10_000


class TooLargeError(ValueError):
    """A result is larger than any spec needs."""


def divisible(v: float, by: int = 8) -> int:
    """The mobile networks' rounding of a channel count: to a multiple, never below 0.9 of it.

    n = max(by, floor((v + by/2) / by)·by), plus `by` if n < 0.9·v (Sandler et al., MobileNetV2).

    >>> divisible(32 * 1.1), divisible(11), divisible(3)
    (40, 16, 8)
    """
    n = max(by, int(v + by / 2) // by * by)
    return n + by if n < 0.9 * v else n


def _range(*bounds: int) -> tuple[int, ...]:
    numbers = range(*bounds)
    if len(numbers) > LENGTH_BOUND:
        raise TooLargeError(f"a list has at most {LENGTH_BOUND} elements")
    return tuple(numbers)


def _zip(*lists: tuple[object, ...]) -> tuple[tuple[object, ...], ...]:
    return tuple(zip(*lists, strict=False))


def _enumerate(values: tuple[object, ...], start: int = 0) -> tuple[tuple[int, object], ...]:
    return tuple(enumerate(values, start))


FUNCTIONS: dict[str, Callable[..., object]] = {
    "min": min, "max": max, "abs": abs, "round": round, "floor": math.floor, "ceil": math.ceil,
    "sqrt": math.sqrt, "len": len, "sum": sum, "range": _range, "zip": _zip,
    "enumerate": _enumerate, "int": int, "divisible": divisible,
}  # fmt: skip


def _power(base: float, exponent: float) -> object:
    both = isinstance(base, int) and isinstance(exponent, int)
    if both and abs(base) > 1 and int(base).bit_length() * abs(exponent) > NUMBER_BITS_BOUND:
        raise TooLargeError("the power is too large")
    result = operator.pow(base, exponent)
    if isinstance(result, complex):
        message = "a fractional power of a negative number is no number"
        raise ValueError(message)  # noqa: TRY004 - the types are right, the values are not
    return result


def _times(a: Any, b: Any) -> object:
    for many, count in ((a, b), (b, a)):
        is_repeated = isinstance(many, str | tuple) and isinstance(count, int)
        if is_repeated and len(many) * count > LENGTH_BOUND:
            raise TooLargeError(f"a result has at most {LENGTH_BOUND} elements")
    return operator.mul(a, b)


def _remainder(a: Any, b: Any) -> object:
    if isinstance(a, str):
        raise TypeError("`%` takes numbers")
    return operator.mod(a, b)


OPERATORS: dict[str, Callable[..., object]] = {
    "+": operator.add, "-": operator.sub, "*": _times, "/": operator.truediv,
    "//": operator.floordiv, "%": _remainder, "**": _power, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip


def bounded(value: object) -> object:
    """The value, if it is no larger than a spec needs.

    Raises:
        TooLargeError: otherwise.
    """
    if isinstance(value, int) and value.bit_length() > NUMBER_BITS_BOUND:
        raise TooLargeError("the number is too large")
    if isinstance(value, str | tuple) and len(value) > LENGTH_BOUND:
        raise TooLargeError(f"a result has at most {LENGTH_BOUND} elements")
    return value
