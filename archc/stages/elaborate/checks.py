"""What a layer reports its mistakes with, and what its demands on symbolic sizes become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.scope import Flowing
from archc.shapes.domain import (
    Always,
    Bound,
    Domains,
    Never,
    OnlyWhere,
    Undecided,
    Verdict,
    differing_input,
    divisible,
    equal,
    lower_bound,
)
from archc.shapes.size import Size, evaluate
from archc.stages.elaborate.builder import GraphBuilder

PERIOD = Rule(
    "shapes/period-too-long",
    "whether two sizes agree would take too long to decide",
    "sizes are compared over one period of all divisors met, which is bounded",
)


@dataclass(frozen=True, slots=True)
class LayerCheck:
    """The `Check` of one layer where it stands.

    Attributes:
        reporter: takes the errors.
        builder: knows the domains, and where what flows in comes from.
        place: the layer's op.
        arguments: the place of each argument that is written.
        branches: the span of each branch of a merge.
        inputs: what flows in, for the notes.
        demands: what the layer demands of symbols, collected here.
    """

    reporter: Reporter
    builder: GraphBuilder
    place: Place
    arguments: Mapping[str, Span]
    branches: tuple[Span, ...]
    inputs: tuple[Flowing, ...]
    demands: list[Bound] = field(default_factory=list)

    @property
    def domains(self) -> Domains:
        """The admitted values of the symbols."""
        return self.builder.domains

    def error(
        self,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        label: str = "",
        branch_labels: Mapping[int, str] = {},
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed:
        """Reports an error at an argument, a branch or the layer."""
        span = self.arguments.get(at, self.place.span) if at is not None else self.place.span
        if branch is not None and branch < len(self.branches):
            span, label = self.branches[branch], label or branch_labels.get(branch, "")
        related = tuple(
            Related(self.branches[i], text)
            for i, text in branch_labels.items()
            if i != branch and i < len(self.branches)
        )
        return self.reporter.error(
            rule, message, Place(span, self.place.trail), label=label, related=related,
            notes=(*notes, *self._input_note()), helps=helps,
        )  # fmt: skip

    def _input_note(self) -> tuple[str, ...]:
        if self.branches or not self.inputs:
            return ()
        producer = self.builder.name_of(self.inputs[0].id)
        node = self.builder.node_of(self.inputs[0].id)
        where = f", from {node.place.span}" if node is not None else ""
        return (f"`{producer}` gives {self.inputs[0].type}{where}",)

    def at_least(
        self,
        size: Size,
        least: int,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed | None:
        """Demands size ≥ least: an error for a number, a bound on the input for a form."""
        if isinstance(size, int):
            if size >= least:
                return None
            return self.error(rule, message, at=at, notes=notes, helps=helps)
        bound = lower_bound(size, least, self.domains)
        if isinstance(bound, Bound):
            self.demands.append(bound)
            return None
        if isinstance(bound, Undecided):
            return self._undecided(at)
        symbols = ", ".join(sorted(size.symbols))
        why = (*notes, f"`{size}` is below {least} for the smallest {symbols} that is admitted")
        return self.error(rule, message, at=at, notes=why, helps=helps)

    def divisible(
        self, size: Size, by: int, rule: Rule, message: str, *, at: str | None = None
    ) -> Failed | None:
        """Demands that `by` divides size; the error for a form shows the `where` to write."""
        verdict = divisible(size, by, self.domains)
        if isinstance(verdict, Always):
            return None
        if isinstance(verdict, Undecided):
            return self._undecided(at)
        notes, helps = _conditions(verdict, "divisible")
        return self.error(rule, message, at=at, notes=notes, helps=helps)

    def equal(
        self,
        a: Size,
        b: Size,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        branch_labels: Mapping[int, str] = {},
        also: Sequence[tuple[Size, Size]] = (),
    ) -> Failed | None:
        """Demands a = b for every admitted input; the error says where they would be equal."""
        verdict: Verdict = Always() if a == b else equal(a, b, self.domains)
        if isinstance(verdict, Always):
            return None
        if isinstance(verdict, Undecided):
            return self._undecided(at)
        notes, helps = self._equal_only_where(verdict, also)
        if isinstance(verdict, Never) and not (isinstance(a, int) and isinstance(b, int)):
            notes = _example(a, b, self.domains)
        return self.error(
            rule, message, at=at, branch=branch, branch_labels=branch_labels, notes=notes,
            helps=helps,
        )  # fmt: skip

    def _equal_only_where(
        self, verdict: Verdict, also: Sequence[tuple[Size, Size]]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        further = (equal(a, b, self.domains) for a, b in also)
        found = {v.symbol: v for v in (*further, verdict) if isinstance(v, OnlyWhere)}
        if not isinstance(verdict, OnlyWhere) or len(found) == 1:
            return _conditions(verdict, "equal")
        ordered = [found[name] for name in sorted(found)]
        where = ", ".join(v.condition for v in ordered)
        notes = (f"equal only where {' and '.join(map(str, ordered))}",)
        return notes, (f"declare `where: {{{where}}}` for the input",)

    def _undecided(self, at: str | None) -> Failed:
        message = "these sizes repeat only after too long a period to compare"
        helps = ("fix the input's size, or declare `multiple_of` in `where`",)
        return self.error(PERIOD, message, at=at, helps=helps)


def _conditions(verdict: Verdict, what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(verdict, OnlyWhere):
        return (f"{what} only where {verdict}",), (f"declare `{verdict.where}` for the input",)
    return (), ()


def _example(a: Size, b: Size, domains: Domains) -> tuple[str, ...]:
    values = differing_input(a, b, domains)
    if values is None:
        return ()
    at = ", ".join(f"{name} = {value}" for name, value in values.items())
    return (f"at {at} they are {evaluate(a, values)} and {evaluate(b, values)}",)
