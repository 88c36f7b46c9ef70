"""The periods of forms: after how many steps of a symbol a size repeats but for a constant gain."""

from __future__ import annotations

import math

from archc.shapes.size import Floor, Form, Symbol


def period_and_gain(form: Form, name: str) -> tuple[int, int]:
    """P and Q with f(S + P) = f(S) + Q, for a linear form and one of its symbols."""
    gains: list[tuple[int, int]] = []
    for (atom,), coefficient in form.terms:
        if isinstance(atom, Symbol):
            gains.append((1, coefficient * (atom.name == name)))
            continue
        period, gain = period_and_gain(atom.form, name)
        stretch = atom.divisor // math.gcd(gain, atom.divisor)
        gains.append((period * stretch, coefficient * (gain * stretch // atom.divisor)))
    whole = math.lcm(*(period for period, _ in gains))
    return whole, sum(gain * (whole // period) for period, gain in gains)


def resolving_period(form: Form, name: str) -> int:
    """P such that no floor is left once each symbol S of the form is P·t + r, P its own.

    A floor of a polynomial over d resolves where d divides every coefficient but the constant, and
    writing t as d·u + s makes it so.
    """
    floors = {atom for factors, _ in form.terms for atom in factors if isinstance(atom, Floor)}
    return math.lcm(*(_floor_period(atom, name) for atom in floors))


def _floor_period(atom: Floor, name: str) -> int:
    if name not in atom.form.symbols:
        return 1
    if atom.form.is_linear:
        period, gain = period_and_gain(atom.form, name)
        return period * (atom.divisor // math.gcd(gain, atom.divisor))
    return resolving_period(atom.form, name) * atom.divisor
