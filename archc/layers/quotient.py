"""The exact quotient of two products of sizes, where their factors show it."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from archc.shapes.size import Atom, Size, Symbol, floor_div, product, scale, symbol


class NoQuotient(NamedTuple):
    """What is left of both products once common factors are cancelled: over / under."""

    over: Size
    under: Size


def quotient(over: Iterable[Size], under: Iterable[Size]) -> Size | NoQuotient:
    """The size q with q · (product of `under`) = (product of `over`), for every input.

    Common factors are cancelled, so the answer is exact; a quotient that only holds on some
    inputs is none.
    """
    above, above_factors = _factored(over)
    below, below_factors = _factored(under)
    left = above_factors - below_factors
    unmatched = below_factors - above_factors
    common = math.gcd(above, below)
    above, below = above // common, below // common
    result = scale(product(left.elements()), above)
    if below == 1 and not unmatched:
        return result
    return NoQuotient(result, scale(product(unmatched.elements()), below))


def content(size: Size) -> int:
    """The largest number that divides all coefficients, and so the size for every input."""
    if isinstance(size, int):
        return size
    return math.gcd(size.constant, *(coefficient for _, coefficient in size.terms))


def _factored(sizes: Iterable[Size]) -> tuple[int, Counter[Size]]:
    """A number and forms that cannot be taken apart further, whose product is that of the sizes."""
    number = 1
    factors: Counter[Size] = Counter()
    for size in sizes:
        if isinstance(size, int):
            number *= size
            continue
        common = content(size)
        number *= common
        if len(size.terms) == 1 and size.constant == 0:
            ((atoms, _),) = size.terms
            factors.update(map(_of_atom, atoms))
        else:
            factors[floor_div(size, common)] += 1
    return number, factors


def _of_atom(atom: Atom) -> Size:
    return symbol(atom.name) if isinstance(atom, Symbol) else floor_div(atom.form, atom.divisor)
