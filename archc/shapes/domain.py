"""What inputs a symbol admits, and what is decided about sizes over all of them.

A linear form is quasi-linear in each symbol: f(S + P) = f(S) + Q for a period P and a gain Q. Any
form becomes a polynomial once each symbol is P·t + r, a class of residues. That makes equality,
lower bounds and divisibility decidable by looking at one period.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from typing_extensions import override

from archc.shapes.period import period_and_gain, resolving_period
from archc.shapes.size import (
    Form,
    Size,
    Symbol,
    add,
    evaluate,
    scale,
    substitute,
    subtract,
    symbol,
)

PERIOD_BOUND = 1 << 16
"""Points that a decision may look at; beyond it the answer is `Undecided`."""

SHOWN_RANGES = 8
"""Runs of residues that a verdict lists."""


class Domain(NamedTuple):
    """The admitted values of a symbol: least ≤ S ≤ most and S ≡ remainder (mod multiple_of)."""

    least: int = 1
    most: int | None = None
    multiple_of: int = 1
    remainder: int = 0

    def first_from(self, bound: int) -> int:
        """The smallest admitted value that is at least the bound (which `most` may exclude)."""
        start = max(self.least, bound, 1)
        return start + (self.remainder - start) % self.multiple_of

    @property
    def first(self) -> int:
        """The smallest admitted value."""
        return self.first_from(1)

    def reaches(self, bound: int) -> bool:
        """Whether a value that is at least the bound is admitted."""
        return self.most is None or self.first_from(bound) <= self.most

    def nth(self, index: int) -> int:
        """The admitted value with this many below it, or the largest where there are fewer."""
        value = self.first + self.multiple_of * index
        if self.most is None or value <= self.most:
            return value
        return self.most - (self.most - self.remainder) % self.multiple_of

    def admits(self, value: int) -> bool:
        """Whether the value is in the domain."""
        return (
            value >= max(self.least, 1)
            and (self.most is None or value <= self.most)
            and value % self.multiple_of == self.remainder % self.multiple_of
        )

    @override
    def __str__(self) -> str:
        parts = []
        if self.least > 1:
            parts.append(f"min: {self.least}")
        if self.most is not None:
            parts.append(f"max: {self.most}")
        if self.multiple_of > 1:
            parts.append(f"multiple_of: {self.multiple_of}")
        if self.remainder:
            parts.append(f"remainder: {self.remainder}")
        return "{" + ", ".join(parts) + "}"


Domains = Mapping[str, Domain]


@dataclass(frozen=True, slots=True)
class Always:
    """Holds for every admitted input."""


@dataclass(frozen=True, slots=True)
class Never:
    """Fails for some admitted input, and no condition on the residues of one symbol mends it."""


class OnlyWhere(NamedTuple):
    """Holds on some residues of one symbol: exactly where `symbol mod period in residues`.

    `multiple_of` and `remainder` name the weakest single condition that is enough and that the
    symbol's domain can meet.
    """

    symbol: str
    period: int
    residues: tuple[int, ...]
    multiple_of: int
    remainder: int

    @override
    def __str__(self) -> str:
        if len(self.residues) == 1 and self.remainder == 0:
            return f"{self.symbol} is a multiple of {self.multiple_of}"
        if len(self.residues) == 1:
            return f"{self.symbol} is {self.remainder} more than a multiple of {self.multiple_of}"
        shown = _ranges(self.residues)
        return f"{self.symbol} mod {self.period} is {shown}"

    @property
    def condition(self) -> str:
        """The symbol's entry in a `where`, as it stands in a spec."""
        rest = f", remainder: {self.remainder}" if self.remainder else ""
        return f"{self.symbol}: {{multiple_of: {self.multiple_of}{rest}}}"

    @property
    def where(self) -> str:
        """The `where` to write, as it stands in a spec."""
        return f"where: {{{self.condition}}}"


@dataclass(frozen=True, slots=True)
class Undecided:
    """Would take more than `PERIOD_BOUND` points to decide."""


Verdict = Always | Never | OnlyWhere | Undecided


def _ranges(numbers: tuple[int, ...]) -> str:
    parts: list[str] = []
    for _, group in itertools.groupby(enumerate(numbers), key=lambda p: p[1] - p[0]):
        run = [n for _, n in group]
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    if len(parts) > SHOWN_RANGES:
        return ", ".join(parts[:SHOWN_RANGES]) + ", …"
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" or {parts[-1]}"


def restrict(size: Size, domains: Domains) -> Size:
    """The size over the admitted residues: each symbol S becomes multiple_of·S + remainder."""
    return substitute(
        size,
        {
            name: add(scale(symbol(name), d.multiple_of), d.remainder % d.multiple_of)
            for name, d in domains.items()
            if d.multiple_of > 1
        },
    )


def is_fixed(size: Size, domains: Domains) -> int | None:
    """The number that a size is for every admitted input, if it is one."""
    if isinstance(size, int):
        return size
    value = size.evaluate({name: _domain(domains, name).first for name in size.symbols})
    return value if isinstance(zero(subtract(size, value), domains), Always) else None


def equal(a: Size, b: Size, domains: Domains) -> Verdict:
    """Whether two sizes are equal for every admitted input."""
    return zero(subtract(a, b), domains)


def divisible(size: Size, by: int, domains: Domains, remainder: int = 0) -> Verdict:
    """Whether size ≡ remainder (mod by) for every admitted input."""
    return _vanishes(subtract(size, remainder), domains, by)


def zero(size: Size, domains: Domains) -> Verdict:
    """Whether a size is 0 for every admitted input."""
    return _vanishes(size, domains, 0)


class _Axis(NamedTuple):
    """What a decision looks at of one symbol: points, each for its class modulo the period.

    Where the period is 0, each point stands for itself alone.
    """

    name: str
    points: range
    period: int

    def at(self, point: int) -> Size:
        """The symbol within the class of a point."""
        return add(scale(symbol(self.name), self.period), point)


def _vanishes(size: Size, domains: Domains, modulus: int) -> Verdict:
    """Whether size ≡ 0 (mod modulus) for every admitted input; modulo 0 that is size = 0."""
    restricted = restrict(size, domains)
    if isinstance(restricted, int):
        return Always() if _is_multiple(restricted, modulus) else Never()
    classes = [_residues(restricted, name, modulus) for name in sorted(restricted.symbols)]
    verdict = _verdict(_good_points(restricted, classes, modulus), classes, domains)
    if isinstance(verdict, Always):
        return verdict
    axes = [_admitted(axis, _domain(domains, axis.name)) for axis in classes]
    good = None if axes == classes else _good_points(restricted, axes, modulus)
    if good is None:
        return verdict
    if len(good) == _count(axes):
        return Always()
    return verdict if good else Never()


def _is_multiple(value: int, modulus: int) -> bool:
    return value % modulus == 0 if modulus else value == 0


def _domain(domains: Domains, name: str) -> Domain:
    return domains.get(name, Domain())


def _count(axes: list[_Axis]) -> int:
    return math.prod(len(axis.points) for axis in axes)


def _residues(form: Form, name: str, modulus: int) -> _Axis:
    """The residues of a symbol on which the answer is the same all over."""
    if form.is_linear:
        period, gain = period_and_gain(form, name)
        period *= modulus // math.gcd(modulus, gain) if modulus else 1
    else:
        period = resolving_period(form, name) * (modulus or 1)
    return _Axis(name, range(period), period)


def _admitted(axis: _Axis, domain: Domain) -> _Axis:
    """The admitted values of a restricted symbol themselves, where no residue has two of them."""
    if domain.most is None:
        return axis
    rest = domain.remainder % domain.multiple_of
    first, last = ((value - rest) // domain.multiple_of for value in (domain.first, domain.most))
    count = max(last - first + 1, 0)
    return _Axis(axis.name, range(first, first + count), 0) if count <= axis.period else axis


def _good_points(form: Form, axes: list[_Axis], modulus: int) -> list[tuple[int, ...]] | None:
    """The points in whose classes the form vanishes, or None where there are too many."""
    if _count(axes) > PERIOD_BOUND:
        return None
    if not modulus and form.is_linear and any(_grows(form, axis) for axis in axes):
        return []
    is_settled = bool(modulus) or form.is_linear
    return [
        point
        for point in itertools.product(*(axis.points for axis in axes))
        if _is_multiple(form.evaluate(_named(axes, point)), modulus)
        and (is_settled or substitute(form, _classes(axes, point)) == 0)
    ]


def _grows(form: Form, axis: _Axis) -> bool:
    return axis.period > 0 and period_and_gain(form, axis.name)[1] != 0


def _named(axes: list[_Axis], point: tuple[int, ...]) -> dict[str, int]:
    return {axis.name: t for axis, t in zip(axes, point, strict=True)}


def _classes(axes: list[_Axis], point: tuple[int, ...]) -> dict[str, Size]:
    return {axis.name: axis.at(t) for axis, t in zip(axes, point, strict=True)}


def _verdict(good: list[tuple[int, ...]] | None, axes: list[_Axis], domains: Domains) -> Verdict:
    if good is None:
        return Undecided()
    if len(good) == _count(axes):
        return Always()
    for i, axis in enumerate(axes):
        residues = {point[i] for point in good}
        if residues and len(good) * axis.period == len(residues) * _count(axes):
            return _only_where(axis, residues, _domain(domains, axis.name))
    return Never()


def _only_where(axis: _Axis, good: set[int], domain: Domain) -> OnlyWhere | Never:
    """The residues of the symbol itself, and the weakest condition that implies them."""
    step, start = domain.multiple_of, domain.remainder % domain.multiple_of
    period = next(
        p for p in _divisors(axis.period) if all((t + p) % axis.period in good for t in good)
    )
    residues = tuple(sorted(step * t + start for t in good if t < period))
    for divisor in _divisors(period):
        for t in range(divisor):
            condition = Domain(domain.least, domain.most, divisor * step, step * t + start)
            if all(x in good for x in range(t, period, divisor)) and condition.reaches(1):
                wanted = condition.remainder
                return OnlyWhere(axis.name, period * step, residues, divisor * step, wanted)
    return Never()


def _divisors(number: int) -> Iterator[int]:
    return (d for d in range(1, number + 1) if number % d == 0)


def differing_input(a: Size, b: Size, domains: Domains) -> dict[str, int] | None:
    """A small admitted input at which two sizes differ, or None where none was found."""
    names = sorted({*_symbols(a), *_symbols(b)})
    steps = [_domain(domains, name) for name in names]
    for k in range(64):
        values = {n: d.nth(k + i) for i, (n, d) in enumerate(zip(names, steps, strict=True))}
        if evaluate(a, values) != evaluate(b, values):
            return values
    return None


def _symbols(size: Size) -> frozenset[str]:
    return frozenset() if isinstance(size, int) else size.symbols


class Bound(NamedTuple):
    """An input must be at least this: `symbol` ≥ `least`."""

    symbol: str
    least: int


def lower_bound(size: Form, least: int, domains: Domains) -> Bound | Never | Undecided:
    """What makes size ≥ least for every admitted input from there on.

    The bound of a form in one symbol is exact, and may lie below what is admitted anyway. Of
    several symbols it bounds the first that can do it, with the others at their smallest: sizes
    never fall as inputs grow, so it is enough.
    """
    answer: Bound | Never | Undecided = Never()
    for name in sorted(size.symbols):
        others = {n: _domain(domains, n).first for n in size.symbols if n != name}
        answer = _bound_alone(substitute(size, others), name, least, _domain(domains, name))
        if isinstance(answer, Bound) and _domain(domains, name).reaches(answer.least):
            break
    return answer


def _bound_alone(size: Size, name: str, least: int, domain: Domain) -> Bound | Never | Undecided:
    if isinstance(size, int):
        return Bound(name, domain.first) if size >= least else Never()
    if not size.is_linear:
        is_enough = size.evaluate({name: domain.first}) >= least
        return Bound(name, domain.first) if is_enough else Undecided()
    simple = _simple_bound(size, least)
    return _periodic_bound(size, name, least, domain) if simple is None else Bound(name, simple)


def _simple_bound(size: Form, least: int) -> int | None:
    """m·floor((S + a) / b) + c ≥ r is S ≥ b·ceil((r − c) / m) − a."""
    if len(size.terms) != 1 or size.terms[0][1] < 1:
        return None
    ((atom,), m), c = size.terms[0], size.constant
    need = -((c - least) // m)
    if isinstance(atom, Symbol):
        return need
    inner = atom.form
    if len(inner.terms) != 1 or inner.terms[0][1] != 1:
        return None
    is_symbol = isinstance(inner.terms[0][0][0], Symbol)
    return atom.divisor * need - inner.constant if is_symbol else None


def _periodic_bound(size: Form, name: str, least: int, domain: Domain) -> Bound | Never | Undecided:
    restricted = restrict(size, {name: domain})
    if isinstance(restricted, int):
        return Bound(name, domain.first) if restricted >= least else Never()
    period, gain = period_and_gain(restricted, name)
    if gain <= 0 and domain.most is not None:
        return _bound_by_trial(size, name, least, domain)
    if gain < 0:
        return Never()
    if period > PERIOD_BOUND:
        return Undecided()
    values = [restricted.evaluate({name: residue}) for residue in range(period)]
    if gain == 0:
        return Bound(name, domain.first) if min(values) >= least else Never()
    # The last t of each residue that fails is one period before the first that holds.
    failing = (r + period * (-((v - least) // gain) - 1) for r, v in enumerate(values))
    start = max(0, *(t + 1 for t in failing))
    return Bound(name, domain.multiple_of * start + domain.remainder % domain.multiple_of)


def _bound_by_trial(size: Form, name: str, least: int, domain: Domain) -> Bound | Never | Undecided:
    """The bound within a domain that ends, for a size that does not grow."""
    count = ((domain.most or 0) - domain.first) // domain.multiple_of + 1
    if count > PERIOD_BOUND:
        return Undecided()
    failing = [k for k in range(count) if size.evaluate({name: domain.nth(k)}) < least]
    if failing and failing[-1] == count - 1:
        return Never()
    return Bound(name, domain.nth(failing[-1] + 1 if failing else 0))
