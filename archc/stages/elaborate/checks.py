"""What a layer reports its mistakes with, and what its demands on symbolic sizes become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import ValueId
from archc.language.scope import Context, Flowing, distrust, where_written
from archc.language.values import Argument
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
from archc.stages.elaborate.origins import origins

PERIOD = Rule(
    "shapes/period-too-long",
    "whether two sizes agree would take too long to decide",
    "sizes are compared over one period of all divisors met, which is bounded",
)


@dataclass(slots=True)
class LayerCheck:
    """The `Check` of one layer where it stands.

    Attributes:
        reporter: takes the errors.
        builder: knows the domains, and where what flows in comes from.
        place: the layer's op.
        arguments: the arguments that are written.
        branches: the span of each branch of a merge.
        inputs: what flows in, for the notes.
        demands: what the layer demands of symbols, collected here.
        starts: the value that each branch of a merge begins with.
        context: where the layer stands.
        left_out: the conditions that left layers of the branches out.
    """

    reporter: Reporter
    builder: GraphBuilder
    place: Place
    arguments: Mapping[str, Argument]
    branches: tuple[Span, ...]
    inputs: tuple[Flowing, ...]
    demands: list[Bound] = field(default_factory=list)
    starts: tuple[ValueId, ...] = ()
    context: Context | None = None
    left_out: tuple[Span, ...] = ()

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
        axis: int | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed:
        """Reports an error at an argument, a branch or the layer."""
        place, passed_on = self._marked(at)
        span = place.span
        if branch is not None and branch < len(self.branches):
            span, label = self.branches[branch], label or branch_labels.get(branch, "")
        related = [
            Related(self.branches[i], text)
            for i, text in branch_labels.items()
            if i != branch and i < len(self.branches)
        ]
        if axis is not None:
            related += self._origins(axis, tuple(branch_labels) or (0,), span)
        related += passed_on
        related += self._left_out_of(branch_labels)
        return self.reporter.error(
            rule, message, Place(span, place.trail), label=label, related=related,
            notes=(*notes, *self._input_note()), helps=helps,
        )  # fmt: skip

    def _marked(self, at: str | None) -> tuple[Place, list[Related]]:
        """The place of an argument's value, and that of the argument where it was passed on."""
        argument = self.arguments.get(at) if at is not None else None
        if argument is None:
            return self.place, []
        written = argument.place
        if self.context is not None and isinstance(argument.value, int | float):
            written = where_written(argument, self.context)
            distrust(argument, self.context)
        if written.span == argument.place.span:
            return argument.place, []
        return written, [Related(argument.place.span, "passed on to here")]

    def _origins(self, axis: int, inputs: tuple[int, ...], at: Span) -> list[Related]:
        """Where the sizes of some inputs came from, each place once.

        For heights and widths the layers within the branches are looked at first.
        """
        found = self._origins_since(self.starts, axis, inputs, at)
        return found or self._origins_since((), axis, inputs, at)

    def _left_out_of(self, branches: Iterable[int]) -> list[Related]:
        """The condition that left out what there is of a branch, which then is its start itself."""
        bare = [i for i in branches if i < len(self.starts) and self.starts[i] == self.inputs[i].id]
        found = {span for i in bare for span in self.left_out if _lies_in(span, self.branches[i])}
        ordered = sorted(found, key=lambda span: (span.line, span.column))
        return [Related(span, "this is false here, so nothing is left") for span in ordered[:1]]

    def _origins_since(
        self, starts: tuple[ValueId, ...], axis: int, inputs: tuple[int, ...], at: Span
    ) -> list[Related]:
        found: dict[Span, Related] = {}
        for index in inputs:
            start = starts[index] if index < len(starts) else None
            for related in origins(self.builder, self.inputs[index].id, axis, start, self.place):
                if related.span != at:
                    found.setdefault(related.span, related)
        return list(found.values())

    def _input_note(self) -> tuple[str, ...]:
        if self.branches or not self.inputs:
            return ()
        producer = self.builder.name_of(self.inputs[0].id)
        node = self.builder.node_of(self.inputs[0].id)
        where = f", from {node.place.span}" if node is not None else ""
        return (f"`{producer}` gives {self.inputs[0].type}{where}",)

    def holds(self, size: Size, least: int) -> bool:
        """Demands size ≥ least as `at_least` does, without a word where that cannot be."""
        if isinstance(size, int):
            return size >= least
        bound = lower_bound(size, least, self.domains)
        if isinstance(bound, Bound):
            self.demands.append(bound)
        return isinstance(bound, Bound)

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
        if self.holds(size, least):
            return None
        if isinstance(size, int):
            return self.error(rule, message, at=at, notes=notes, helps=helps)
        if isinstance(lower_bound(size, least, self.domains), Undecided):
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
        axis: int | None = None,
        helps: Iterable[str] = (),
        also: Sequence[tuple[Size, Size]] = (),
    ) -> Failed | None:
        """Demands a = b for every admitted input; the error says where they would be equal."""
        verdict: Verdict = Always() if a == b else equal(a, b, self.domains)
        if isinstance(verdict, Always):
            return None
        if isinstance(verdict, Undecided):
            return self._undecided(at)
        notes, conditions = self._equal_only_where(verdict, also)
        if isinstance(verdict, Never) and not (isinstance(a, int) and isinstance(b, int)):
            notes = _example(a, b, self.domains, self.builder.defaults)
        if self.place.trail:
            helps = ()  # numbers that help one use of a block do not help the others
        return self.error(
            rule, message, at=at, branch=branch, branch_labels=branch_labels, axis=axis,
            notes=notes, helps=conditions or helps,
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


def _lies_in(span: Span, outer: Span) -> bool:
    """Whether a span lies within another one."""
    starts_in = (outer.line, outer.column) <= (span.line, span.column)
    ends_in = (span.end_line, span.end_column) <= (outer.end_line, outer.end_column)
    return span.source is outer.source and starts_in and ends_in


def _conditions(verdict: Verdict, what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(verdict, OnlyWhere):
        return (f"{what} only where {verdict}",), (f"declare `{verdict.where}` for the input",)
    return (), ()


def _example(a: Size, b: Size, domains: Domains, defaults: Mapping[str, int]) -> tuple[str, ...]:
    """What two sizes are at the default input, or at a small one where they differ."""
    names = {name for size in (a, b) if not isinstance(size, int) for name in size.symbols}
    usual = {name: defaults[name] for name in sorted(names) if name in defaults}
    is_seen = len(usual) == len(names) and evaluate(a, usual) != evaluate(b, usual)
    values = usual if is_seen else differing_input(a, b, domains)
    if values is None:
        return ()
    at = ", ".join(f"{name} = {value}" for name, value in values.items())
    return (f"at {at} they are {evaluate(a, values)} and {evaluate(b, values)}",)
