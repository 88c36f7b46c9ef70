"""The facts that a spec expects of itself: parameters, macs, and the outputs' shapes."""

from __future__ import annotations

from archc.analysis.cost import count_macs, count_parameters
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
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


def check_expectations(
    tree: Mapping, graph: Graph, context: Context, evaluator: Evaluator, reporter: Reporter
) -> None:
    """Compares what a spec expects with the graph.

    Reports:
        expect/not-met, expect/form.
    """
    for entry in tree:
        key = entry.key.text
        if key == "outputs":
            _outputs(entry, graph, context, evaluator, reporter)
        elif key in _KEYS:
            actual = count_parameters(graph) if key == "parameters" else count_macs(graph)
            _number(entry, key, actual, context, evaluator, reporter)
        else:
            message = f"`{key}` is nothing that can be expected"
            helps = did_you_mean(key, _KEYS) or (f"it has {', '.join(_KEYS)}",)
            reporter.error(FORM, message, Place(entry.key.span), helps=helps)


def _number(
    entry: Entry, key: str, actual: int, context: Context, evaluator: Evaluator, reporter: Reporter
) -> None:
    value = evaluator.value(entry.value, context)
    place = Place(entry.value.span)
    if isinstance(value, Failed) or (value == actual and not isinstance(value, bool)):
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        reporter.error(FORM, f"`{key}` is a number, not {kind_of(entry.value)}", place)
        return
    message = f"the network has {actual} {key}, not {describe(value)}"
    reporter.error(NOT_MET, message, place, label=f"{actual - value:+} {key}")


def _outputs(
    entry: Entry, graph: Graph, context: Context, evaluator: Evaluator, reporter: Reporter
) -> None:
    if not isinstance(entry.value, Mapping):
        message = f"`outputs` is a mapping of shapes, not {kind_of(entry.value)}"
        reporter.error(FORM, message, Place(entry.value.span))
        return
    types = {output.name: graph.type_of(output.value) for output in graph.outputs}
    for wanted in entry.value:
        name = evaluator.key(wanted.key, context)
        if isinstance(name, Failed):
            continue
        if name not in types:
            message = f"the network has no output `{name}`"
            helps = did_you_mean(name, types) or (f"it has {', '.join(types)}",)
            reporter.error(NOT_MET, message, Place(wanted.key.span), helps=helps)
            continue
        _shape(name, wanted.value, types[name].sizes, context, evaluator, reporter)


def _is(value: object, size: Size) -> bool:
    """Whether a value names a size: a number, or a symbol by its name."""
    if isinstance(value, bool):
        return False
    return value == size or (isinstance(value, Text) and str(value) == str(size))


def _shape(
    name: str,
    tree: Tree,
    sizes: tuple[Size, ...],
    context: Context,
    evaluator: Evaluator,
    reporter: Reporter,
) -> None:
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    values = [evaluator.value(item, context) for item in items]
    if any(isinstance(value, Failed) for value in values):
        return
    found = f"[{', '.join(map(str, sizes))}]"
    fits = len(values) == len(sizes) and all(
        value is None or _is(value, size) for value, size in zip(values, sizes, strict=True)
    )
    if not fits:
        message = f"the output `{name}` is {found} without the batch"
        reporter.error(NOT_MET, message, Place(tree.span), helps=(f"write `{name}: {found}`",))
