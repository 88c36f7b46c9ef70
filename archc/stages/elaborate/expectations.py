"""The facts that a spec expects of itself: parameters, macs, and the outputs' shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archc.analysis.cost import count_macs, count_parameters
from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.language.evaluate import Evaluator
from archc.language.scope import Context
from archc.language.tree import Entry, Mapping, Sequence, Tree, kind_of
from archc.language.values import Text, describe
from archc.shapes.size import Size

NOT_MET = Rule(
    "expect/not-met", "an expectation does not hold",
    "either the layers or the expectation are not what was meant",
)  # fmt: skip
FORM = Rule("expect/form", "an expectation is not formed properly", "it states facts to confirm")

_KEYS = ("parameters", "macs", "outputs")


class _Unmet(NamedTuple):
    """A fact that does not hold: where it stands, what the network has instead, and what helps."""

    span: Span
    message: str
    label: str = ""
    helps: tuple[str, ...] = ()


def check_expectations(
    tree: Mapping, graph: Graph, context: Context, evaluator: Evaluator, reporter: Reporter
) -> None:
    """Compares what a spec expects with the graph; the facts that do not hold are one report.

    Reports:
        expect/not-met, expect/form.
    """
    confirmed = _Confirmed(graph, context, evaluator, reporter)
    unmet = [fact for entry in tree for fact in confirmed.unmet(entry)]
    if not unmet:
        return
    first, *others = unmet
    related = (Related(fact.span, fact.message) for fact in others)
    reporter.error(
        NOT_MET, first.message, Place(first.span), label=first.label, related=related,
        helps=first.helps,
    )  # fmt: skip


class _Confirmed(NamedTuple):
    """A graph that facts are compared with."""

    graph: Graph
    context: Context
    evaluator: Evaluator
    reporter: Reporter

    def unmet(self, entry: Entry) -> Iterator[_Unmet]:
        """What of an entry does not hold."""
        key = entry.key.text
        if key == "outputs":
            yield from self._outputs(entry)
        elif key in _KEYS:
            count = count_parameters if key == "parameters" else count_macs
            yield from self._number(entry, count(self.graph))
        else:
            message = f"`{key}` is nothing that can be expected"
            helps = did_you_mean(key, _KEYS) or (f"it has {', '.join(_KEYS)}",)
            self.reporter.error(FORM, message, Place(entry.key.span), helps=helps)

    def _number(self, entry: Entry, actual: int) -> Iterator[_Unmet]:
        key, span = entry.key.text, entry.value.span
        value = self.evaluator.value(entry.value, self.context)
        if isinstance(value, Failed) or (value == actual and not isinstance(value, bool)):
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            message = f"`{key}` is a number, not {kind_of(entry.value)}"
            self.reporter.error(FORM, message, Place(span))
            return
        message = f"the network has {actual} {key}, not {describe(value)}"
        yield _Unmet(span, message, f"{actual - value:+} {key}")

    def _outputs(self, entry: Entry) -> Iterator[_Unmet]:
        if not isinstance(entry.value, Mapping):
            message = f"`outputs` is a mapping of shapes, not {kind_of(entry.value)}"
            self.reporter.error(FORM, message, Place(entry.value.span))
            return
        types = {output.name: self.graph.type_of(output.value) for output in self.graph.outputs}
        for wanted in entry.value:
            name = self.evaluator.key(wanted.key, self.context)
            if isinstance(name, Failed):
                continue
            if name in types:
                yield from self._shape(name, wanted.value, types[name].sizes)
            else:
                helps = did_you_mean(name, types) or (f"it has {', '.join(types)}",)
                message = f"the network has no output `{name}`"
                self.reporter.error(NOT_MET, message, Place(wanted.key.span), helps=helps)

    def _shape(self, name: str, tree: Tree, sizes: tuple[Size, ...]) -> Iterator[_Unmet]:
        items = tree.items if isinstance(tree, Sequence) else (tree,)
        values = [self.evaluator.value(item, self.context) for item in items]
        if any(isinstance(value, Failed) for value in values):
            return
        found = f"[{', '.join(map(str, sizes))}]"
        fits = len(values) == len(sizes) and all(
            value is None or _is(value, size) for value, size in zip(values, sizes, strict=True)
        )
        if not fits:
            message = f"the output `{name}` is {found} without the batch"
            yield _Unmet(tree.span, message, "", (f"write `{name}: {found}`",))


def _is(value: object, size: Size) -> bool:
    """Whether a value names a size: a number, or a symbol by its name."""
    if isinstance(value, bool):
        return False
    return value == size or (isinstance(value, Text) and str(value) == str(size))
