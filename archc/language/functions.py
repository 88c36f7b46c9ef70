"""The functions and operators of expressions: Python's meaning, bounded results."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from archc.language.values import LayerValue

NUMBER_BITS_BOUND = 4_096
DIGITS_BOUND = 2_000
LENGTH_BOUND = 10_000
WEIGHT_BOUND = 200_000
"""Elements of a list and of the lists in it, and characters of the texts in them."""

DEPTH_BOUND = 64
"""Levels of lists, and of layers with arguments, within each other."""


class TooLargeError(ValueError):
    """A result is larger than any spec needs."""


def divisible(v: float, by: int = 8) -> int:
    """The mobile networks' rounding of a channel count: to a multiple, never below 0.9 of it.

    n = max(by, floor((v + by/2) / by)·by), plus `by` if n < 0.9·v (Sandler et al., MobileNetV2).

    >>> divisible(32 * 1.1), divisible(11), divisible(3)
    (32, 16, 8)
    """
    n = max(by, int((v + by / 2) // by) * by)
    return n + by if n < 0.9 * v else n


def _range(*bounds: int) -> tuple[int, ...]:
    numbers = range(*bounds)
    if numbers and (numbers[-1] - numbers[0]) // numbers.step >= LENGTH_BOUND:
        raise TooLargeError(f"a list has at most {LENGTH_BOUND} elements")
    return tuple(numbers)


def _zip(*lists: tuple[object, ...], strict: bool = False) -> tuple[tuple[object, ...], ...]:
    return tuple(zip(*lists, strict=strict))


def _enumerate(values: tuple[object, ...], start: int = 0) -> tuple[tuple[int, object], ...]:
    return tuple(enumerate(values, start))


def _round(number: float, ndigits: int | None = None) -> float:
    # More digits than the largest number has change nothing, and take long.
    return round(
        number, ndigits if ndigits is None else max(-DIGITS_BOUND, min(DIGITS_BOUND, ndigits))
    )


def _sum(values: tuple[Any, ...], start: Any = 0) -> object:
    """The sum from the left, the same on every version of Python."""
    if isinstance(start, str):
        raise TypeError("`sum` adds numbers or lists")
    total = start
    for value in values:
        total = bounded(total + value)
    return total


FUNCTIONS: dict[str, Callable[..., object]] = {
    "min": min, "max": max, "abs": abs, "round": _round, "floor": math.floor, "ceil": math.ceil,
    "sqrt": math.sqrt, "len": len, "sum": _sum, "range": _range, "zip": _zip,
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


def bounded(value: Any) -> Any:
    """The value, if it is no larger than a spec needs.

    Raises:
        TooLargeError: otherwise.
    """
    if isinstance(value, int) and value.bit_length() > NUMBER_BITS_BOUND:
        raise TooLargeError("the number is too large")
    if isinstance(value, str | tuple) and len(value) > LENGTH_BOUND:
        raise TooLargeError(f"a result has at most {LENGTH_BOUND} elements")
    return bounded_nesting(value)


def bounded_nesting(value: Any) -> Any:
    """The value, if what it holds at all depths is no more than a spec needs.

    Raises:
        TooLargeError: otherwise.
    """
    level, weight, depth = _elements(value), 0, 0
    while level:
        depth += 1
        if depth > DEPTH_BOUND:
            raise TooLargeError(f"lists nest at most {DEPTH_BOUND} levels deep")
        below: list[object] = []
        for element in level:
            weight += len(element) if isinstance(element, str) else 1
            below += _elements(element)
            if weight + len(below) > WEIGHT_BOUND:
                raise TooLargeError(f"a value has at most {WEIGHT_BOUND} elements in all")
        level = below
    return value


def _elements(value: object) -> Sequence[object]:
    if isinstance(value, tuple):
        return value
    return [a.value for _, a in value.arguments] if isinstance(value, LayerValue) else ()
