"""The inputs that a network admits: what `where` says, and what its layers demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
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
    demands: Mapping[str, Demand],
    symbols: Symbols,
    reporter: Reporter,
) -> dict[str, Domain] | Failed:
    """The admitted values of each symbol with the least that the layers demand.

    A bound that `where` gives must be as large as the layers demand; without one, theirs holds.

    Reports:
        input/too-small.
    """
    found: dict[str, Domain] = {}
    failed: Failed | None = None
    for name, domain in domains.items():
        demand = demands.get(name)
        if demand is not None and demand.least > domain.first:
            failed = _too_small(domain, demand, symbols, reporter) or failed
        least = max(domain.least, demand.least if demand is not None else 1)
        found[name] = Domain(least, domain.most, domain.multiple_of, domain.remainder)
    return failed if failed is not None else found


def _too_small(
    domain: Domain, demand: Demand, symbols: Symbols, reporter: Reporter
) -> Failed | None:
    name, least = demand.symbol, demand.least
    bounded = symbols.bounded.get(name, {})
    default = symbols.defaults.get(name)
    smallest = domain.first_from(least)
    if domain.most is not None and smallest > domain.most:
        at, helps = "max", (f"admit larger inputs: the smallest that runs is {smallest}",)
        wrong = f"no {name} up to {domain.most} is large enough: the layers need {name} ≥ {least}"
    elif "min" in bounded:
        at, helps = "min", (f"write `min: {smallest}`",)
        wrong = f"`where` admits {name} = {domain.first}, but the layers need {name} ≥ {least}"
    elif default is not None and default < least:
        at, helps = "default", (f"the smallest size that runs is {smallest}",)
        wrong = f"the default {name} = {default} is too small: the layers need {name} ≥ {least}"
    else:
        return None
    related = (Related(demand.place.span, f"`{demand.layer}` needs {name} ≥ {least}"),)
    place = Place(bounded.get(at, symbols.seen[name]))
    return reporter.error(TOO_SMALL, wrong, place, related=related, helps=helps)
