"""Scenarios: for each rule that is not about a spec alone, a way to break it.

A scenario makes its files in an empty folder, which is the current directory while it runs, and
gives the arguments of a command, whose standard error is then compared, or the diagnostics that it
got. What differs from run to run, such as a time or a version, is replaced by `masks`: pairs of a
pattern and a text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from archc.diagnostics.diagnostic import Diagnostic

Scene: TypeAlias = list[str] | tuple[Diagnostic, ...]
Scenario: TypeAlias = Callable[[Path], Scene]


class Case(NamedTuple):
    """A scenario with what is replaced in its text."""

    scenario: Scenario
    masks: tuple[tuple[str, str], ...]


SCENARIOS: dict[str, Case] = {}


def scenario(
    slug: str, *, masks: tuple[tuple[str, str], ...] = ()
) -> Callable[[Scenario], Scenario]:
    """Registers the scenario of a rule."""

    def register(function: Scenario) -> Scenario:
        assert slug not in SCENARIOS, f"{slug} has two scenarios"
        SCENARIOS[slug] = Case(function, masks)
        return function

    return register
