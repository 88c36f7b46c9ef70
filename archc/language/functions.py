"""The functions and operators of expressions: Python's meaning, bounded results."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

NUMBER_BITS_BOUND = 4_096
LENGTH_BOUND = 10_000


class TooLarge(ValueError):
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
        raise TooLarge(f"a list has at most {LENGTH_BOUND} elements")
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
    if isinstance(base, int) and isinstance(exponent, int):
        if abs(base) > 1 and base.bit_length() * abs(exponent) > NUMBER_BITS_BOUND:
            raise TooLarge("the power is too large")
    result = operator.pow(base, exponent)
    if isinstance(result, complex):
        raise ValueError("a fractional power of a negative number is no number")
    return result


def _times(a: object, b: object) -> object:
    for many, count in ((a, b), (b, a)):
        if isinstance(many, str | tuple) and isinstance(count, int):
            if len(many) * count > LENGTH_BOUND:
                raise TooLarge(f"a result has at most {LENGTH_BOUND} elements")
    return operator.mul(a, b)  # type: ignore[operator]


def _remainder(a: object, b: object) -> object:
    if isinstance(a, str):
        raise TypeError("`%` takes numbers")
    return operator.mod(a, b)  # type: ignore[operator]


OPERATORS: dict[str, Callable[..., object]] = {
    "+": operator.add, "-": operator.sub, "*": _times, "/": operator.truediv,
    "//": operator.floordiv, "%": _remainder, "**": _power, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip


def bounded(value: object) -> object:
    """The value, if it is no larger than a spec needs.

    Raises:
        TooLarge: otherwise.
    """
    if isinstance(value, int) and value.bit_length() > NUMBER_BITS_BOUND:
        raise TooLarge("the number is too large")
    if isinstance(value, str | tuple) and len(value) > LENGTH_BOUND:
        raise TooLarge(f"a result has at most {LENGTH_BOUND} elements")
    return value
