"""Sizes: integers, or forms in the symbols of the inputs, kept in one normal form.

A form is a sum of products of atoms with integer coefficients; an atom is a symbol, or the floor of
a form over a divisor. Every rule below keeps it normal, so a chain of windows over a symbol S stays
one atom, m·floor((S + a) / b) + c with 0 ≤ a < b:

    floor((m·X + k·b·Y + c) / b)  =  k·Y + floor((m·X + c) / b)
    floor((g·X + c) / (g·b))      =  floor((X + floor(c / g)) / b)
    floor((floor(X / b) + e) / s) =  floor((X + b·e) / (b·s))
    floor((X + a) / b)            =  floor(a / b) + floor((X + a mod b) / b)

The same functions take integers, so fixed and symbolic inputs are one algorithm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

from typing_extensions import override


class Symbol(NamedTuple):
    """A size that the caller of the model chooses, such as `H`."""

    name: str

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The value of the symbol."""
        return values[self.name]

    @override
    def __str__(self) -> str:
        return self.name


class Floor(NamedTuple):
    """floor(form / divisor), an atom that cannot be simplified further."""

    form: Form
    divisor: int

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The value where the symbols have these values."""
        return self.form.evaluate(values) // self.divisor

    @override
    def __str__(self) -> str:
        inner = str(self.form)
        return f"floor({f'({inner})' if ' ' in inner else inner} / {self.divisor})"


Atom: TypeAlias = Symbol | Floor
Factors: TypeAlias = tuple[Atom, ...]


class Form:
    """A sum of products of atoms: `terms` maps sorted factors to coefficients, plus a constant.

    Made only by the functions of this module, which keep it normal: no coefficient is zero, and a
    form without terms is an `int` instead. Never changed.
    """

    def __init__(self, terms: tuple[tuple[Factors, int], ...], constant: int) -> None:
        self.terms = terms
        self.constant = constant

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Form):
            return NotImplemented
        return self.constant == other.constant and self.terms == other.terms

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The value where the symbols have these values."""
        return self.constant + sum(
            coefficient * math.prod(atom.evaluate(values) for atom in factors)
            for factors, coefficient in self.terms
        )

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols that the form depends on."""
        names: set[str] = set()
        for factors, _ in self.terms:
            for atom in factors:
                names |= {atom.name} if isinstance(atom, Symbol) else atom.form.symbols
        return frozenset(names)

    @cached_property
    def is_linear(self) -> bool:
        """Whether no product of two atoms occurs, at any depth."""
        return all(
            len(factors) == 1 and (isinstance(factors[0], Symbol) or factors[0].form.is_linear)
            for factors, _ in self.terms
        )

    @cached_property
    def _hash(self) -> int:
        return hash((self.terms, self.constant))

    @override
    def __hash__(self) -> int:
        return self._hash

    @override
    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        parts: list[str] = []
        for factors, coefficient in self.terms:
            product = "·".join(str(atom) for atom in factors)
            size = abs(coefficient)
            text = product if size == 1 else f"{size}·{product}"
            sign = "-" if coefficient < 0 else "+"
            parts += [sign, text] if parts else [text if coefficient > 0 else f"-{text}"]
        if self.constant:
            parts += ["+" if self.constant > 0 else "-", str(abs(self.constant))]
        return " ".join(parts)


Size: TypeAlias = int | Form


def symbol(name: str) -> Form:
    """The size that is this symbol."""
    return Form((((Symbol(name),), 1),), 0)


def _normal(terms: Mapping[Factors, int], constant: int) -> Size:
    kept = {f: c for f, c in terms.items() if c}
    return _form(kept, constant) if kept else constant


def _form(terms: Mapping[Factors, int], constant: int) -> Form:
    if len(terms) == 1:
        return Form(tuple(terms.items()), constant)
    return Form(tuple(sorted(terms.items(), key=lambda t: _order(t[0]))), constant)


def _order(factors: Factors) -> tuple[int, str]:
    return len(factors), "·".join(str(atom) for atom in factors)


def add(*sizes: Size) -> Size:
    """The sum of the sizes."""
    constant = sum(size for size in sizes if isinstance(size, int))
    forms = [size for size in sizes if not isinstance(size, int)]
    if len(forms) < 2:
        return _shifted(forms[0], constant) if forms else constant
    terms: dict[Factors, int] = {}
    for form in forms:
        constant += form.constant
        for factors, coefficient in form.terms:
            terms[factors] = terms.get(factors, 0) + coefficient
    return _normal(terms, constant)


def _shifted(form: Form, constant: int) -> Form:
    return Form(form.terms, form.constant + constant) if constant else form


def scale(size: Size, factor: int) -> Size:
    """A size times an integer."""
    if isinstance(size, int):
        return size * factor
    return _normal({f: c * factor for f, c in size.terms}, size.constant * factor)


def subtract(a: Size, b: Size) -> Size:
    """The difference a − b."""
    return add(a, scale(b, -1))


def product(sizes: Iterable[Size]) -> Size:
    """The product of the sizes, 1 for none."""
    result: Size = 1
    for size in sizes:
        result = _times(result, size)
    return result


def _times(a: Size, b: Size) -> Size:
    if isinstance(a, int):
        return scale(b, a)
    if isinstance(b, int):
        return scale(a, b)
    terms: dict[Factors, int] = {}
    for left, x in (*a.terms, ((), a.constant)):
        for right, y in (*b.terms, ((), b.constant)):
            factors = (*left, *right)
            if len(factors) > 1:
                factors = tuple(sorted(factors, key=str))
            terms[factors] = terms.get(factors, 0) + x * y
    constant = terms.pop((), 0)
    return _normal(terms, constant)


def floor_div(size: Size, divisor: int) -> Size:
    """floor(size / divisor) for a divisor of at least 1, in normal form."""
    if isinstance(size, int):
        return size // divisor
    if divisor == 1:
        return size
    whole: dict[Factors, int] = {}
    rest: dict[Factors, int] = {}
    for factors, coefficient in size.terms:
        (rest if coefficient % divisor else whole)[factors] = coefficient
    exact = _normal({f: c // divisor for f, c in whole.items()}, 0)
    return add(exact, _floor_of(rest, size.constant, divisor))


def _floor_of(terms: dict[Factors, int], constant: int, divisor: int) -> Size:
    """floor((terms + constant) / divisor) where the divisor divides no coefficient."""
    if not terms:
        return constant // divisor
    common = math.gcd(divisor, *terms.values())
    terms = {f: c // common for f, c in terms.items()}
    constant, divisor = constant // common, divisor // common
    if len(terms) == 1:
        ((factors, coefficient),) = terms.items()
        atom = factors[0]
        if len(factors) == 1 and coefficient == 1 and isinstance(atom, Floor):
            inner = add(atom.form, atom.divisor * constant)
            return floor_div(inner, atom.divisor * divisor)
    inner = _form(terms, constant % divisor)
    return _form({(Floor(inner, divisor),): 1}, constant // divisor)


def ceil_div(size: Size, divisor: int) -> Size:
    """ceil(size / divisor), in normal form."""
    return floor_div(add(size, divisor - 1), divisor)


def substitute(size: Size, replacements: Mapping[str, Size]) -> Size:
    """The size with symbols replaced by sizes, normal again."""
    if isinstance(size, int) or not size.symbols & replacements.keys():
        return size
    parts: list[Size] = [size.constant]
    for factors, coefficient in size.terms:
        replaced = (_replace(atom, replacements) for atom in factors)
        parts.append(scale(product(replaced), coefficient))
    return add(*parts)


def _replace(atom: Atom, replacements: Mapping[str, Size]) -> Size:
    if isinstance(atom, Symbol):
        return replacements.get(atom.name, symbol(atom.name))
    return floor_div(substitute(atom.form, replacements), atom.divisor)


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """The number that a size is where the symbols have these values."""
    return size if isinstance(size, int) else size.evaluate(values)
