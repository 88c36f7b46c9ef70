"""The inputs that a network admits: what `where` says, and what its layers demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.shapes.domain import Domain
from archc.stages.elaborate.builder import Demand
from archc.stages.elaborate.inputs import Symbols

TOO_SMALL = Rule(
    "input/too-small", "an admitted input is too small for a layer",
    "every size that the input admits must run",
)  # fmt: skip


def largest_demands(demands: Iterable[Demand]) -> dict[str, Demand]:
    """The largest of the demands on each symbol, the first of equal ones."""
    found: dict[str, Demand] = {}
    for demand in demands:
        known = found.get(demand.symbol)
        if known is None or demand.least > known.least:
            found[demand.symbol] = demand
    return found


def admitted(
    domains: Mapping[str, Domain],
    every: Iterable[Demand],
    symbols: Symbols,
    reporter: Reporter,
) -> dict[str, Domain] | Failed:
    """The admitted values of each symbol with the least that the layers demand.

    A bound that `where` gives must be as large as the layers demand; without one, theirs holds.

    Reports:
        input/too-small.
    """
    demands = tuple(every)
    largest = largest_demands(demands)
    found: dict[str, Domain] = {}
    wrong: dict[tuple[Place, bool], list[_TooSmall]] = {}
    for name, domain in domains.items():
        demand = largest.get(name)
        if demand is not None and demand.least > domain.first:
            small = _too_small(domain, demand, symbols, demands)
            if small is not None:
                wrong.setdefault((small.demand.place, small.is_odd), []).append(small)
        least = max(domain.least, demand.least if demand is not None else 1)
        found[name] = Domain(least, domain.most, domain.multiple_of, domain.remainder)
    for sizes in wrong.values():
        _report(sizes, reporter)
    return FAILED if wrong else found


FAR = 2
"""How many times what is admitted a layer must need to be taken for the mistake itself."""


class _TooSmall(NamedTuple):
    """A symbol that admits less than a layer needs.

    Attributes:
        demand: what the layer needs.
        place: what admits less.
        wrong: the mistake in words, up to the size.
        admits: the size that is admitted.
        help: what to write at `place`.
        is_odd: whether the layer needs so much that it is taken for the mistake.
    """

    demand: Demand
    place: Place
    wrong: str
    admits: str
    help: str
    is_odd: bool


def _report(sizes: list[_TooSmall], reporter: Reporter) -> None:
    """Reports what one layer needs of all symbols: there, or at what admits too little."""
    layer, at = sizes[0].demand.layer, _seen_from(sizes[0].place, sizes[0].demand.place)
    needs = " and ".join(f"{s.demand.symbol} ≥ {s.demand.least}" for s in sizes)
    admits = " and ".join(
        f"{wrong} {' and '.join(s.admits for s in sizes if s.wrong == wrong)}"
        for wrong in dict.fromkeys(s.wrong for s in sizes)
    )
    helps = tuple(dict.fromkeys(s.help for s in sizes))
    if sizes[0].is_odd:
        related = [Related(s.place.span, f"{s.wrong} {s.admits}") for s in sizes]
        helps = ("take a smaller kernel or stride here, or more padding", *helps)
        message = f"`{layer}` needs {needs}, but {admits}"
        reporter.error(TOO_SMALL, message, at, related=related, helps=helps)
        return
    related = [Related(s.place.span, f"{s.wrong} {s.admits}") for s in sizes[1:]]
    related.append(Related(at.span, f"`{layer}` needs {needs}"))
    message = f"{admits}, but the layers need {needs}"
    reporter.error(TOO_SMALL, message, sizes[0].place, related=related, helps=helps)


def _seen_from(spec: Place, place: Place) -> Place:
    """The place, or the use of a block in the spec itself that led to another file."""
    for index in range(len(place.trail) - 1, -1, -1):
        if place.span.source is spec.span.source:
            break
        place = Place(place.trail[index].span, place.trail[:index])
    return place


def _too_small(
    domain: Domain, demand: Demand, symbols: Symbols, demands: Iterable[Demand]
) -> _TooSmall | None:
    name, least = demand.symbol, demand.least
    bounded = symbols.bounded.get(name, {})
    default = symbols.defaults.get(name)
    smallest = domain.first_from(least)
    help_text = f"the smallest {name} that runs is {smallest}"
    if domain.most is not None and smallest > domain.most:
        at, wrong, limit = "max", "`where` admits at most", domain.most
    elif "min" in bounded:
        at, wrong, limit = "min", "`where` admits", domain.first
        help_text = f"write `min: {smallest}`"
    elif default is not None and default < least:
        at, wrong, limit = "default", "the default is", default
    else:
        return None
    first = next(d for d in demands if d.symbol == name and d.least > limit)
    is_odd = first.least > FAR * limit
    place = Place(bounded.get(at, symbols.seen[name]))
    admits = f"{name} = {limit}"
    return _TooSmall(first if is_odd else demand, place, wrong, admits, help_text, is_odd)
