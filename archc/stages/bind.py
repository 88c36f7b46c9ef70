"""Graph to bound graph: every weight gets its place in a checkpoint.

Input: a `Graph` and an open checkpoint. Output: a `BoundGraph`. Afterwards: each weight
of the graph has a source of the right number of elements; what a checkpoint lacks, has beyond or
has in another shape is one report, and nothing is read yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import nearest
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import BoundGraph, Graph
from archc.graph.weight import Weight, WeightSource
from archc.language.tree import shown
from archc.language.weight_rules import WeightRules

MISMATCH = Rule(
    "weights/mismatch",
    "a checkpoint does not hold the weights that the spec wants",
    "a model with some weights missing or left over computes something else, without a word",
)
UNSUPPORTED = Rule(
    "weights/layout", "a layout of weights is not supported", "arrays must lie as the spec says"
)

LISTED = 20
"""Names that have a line of their own."""

NAMED = 5_000
"""Names that are told at all; no network has as many, a hostile file may."""


def bind_checkpoint(
    graph: Graph,
    tensors: Mapping[str, WeightSource],
    rules: WeightRules,
    place: Place,
    reporter: Reporter,
    *,
    spare: Collection[str] = (),
) -> BoundGraph | Failed:
    """The graph with its weights found in a checkpoint, by name and shape.

    Args:
        graph: the network.
        tensors: those of the checkpoint, by their keys.
        rules: how keys become names.
        place: the checkpoint, for what is reported.
        reporter: told where they do not fit.
        spare: names that the checkpoint may have as well, since a larger network has them.

    Reports:
        weights/mismatch: once, listing all that is missing, left over or mis-shaped.
        weights/layout.
    """
    if rules.layout != "torch":
        message = f"checkpoints in the layout `{rules.layout}` cannot be read yet"
        return reporter.error(UNSUPPORTED, message, place)
    wanted = {name: weight for name, (_, weight) in graph.owned_weights().items()}
    found: dict[str, tuple[str, WeightSource]] = {}
    twice: list[str] = []
    extra: dict[str, str] = {}
    for key, source in tensors.items():
        name = rules.renamed(key)
        if name not in wanted:  # an ignored weight is still taken where the spec builds it
            if name not in spare and not rules.ignores(name):
                extra[name] = key
        elif name in found:
            twice.append(f"`{shown(key)}` and `{shown(found[name][0])}` both become `{name}`")
        else:
            found[name] = (key, source)
    missing = [name for name in wanted if name not in found]
    shapes = [
        f"`{name}` is {list(source.shape)} in the file, the spec wants {list(wanted[name].shape)}"
        for name, (_, source) in found.items()
        if not _fits(source.shape, wanted[name])
    ]
    if missing or extra or shapes or twice:
        return _mismatch(missing, list(extra), shapes, twice, place, reporter)
    sources = {name: source for name, (_, source) in found.items()}
    return BoundGraph(graph, sources, is_trained=True)


def _fits(shape: tuple[int, ...], weight: Weight) -> bool:
    """Whether a stored shape is the wanted one but for axes of size 1."""
    return [n for n in shape if n != 1] == [n for n in weight.shape if n != 1]


def _mismatch(
    missing: list[str],
    extra: list[str],
    shapes: list[str],
    twice: list[str],
    place: Place,
    reporter: Reporter,
) -> Failed:
    counts = [
        f"{len(items)} {what}"
        for items, what in (
            (missing, "missing"), (extra, "unexpected"), (shapes, "of another shape"),
            (twice, "named twice"),
        )
        if items
    ]  # fmt: skip
    notes = [
        *_listed("missing", missing, lambda name: _near(name, extra)),
        *_listed("unexpected", extra, lambda name: f"`{shown(name)}`"),
        *_listed("of another shape", shapes),
        *_listed("named twice", twice),
    ]
    helps = []
    if extra:
        helps.append("list what is not needed under `weights: {ignore: [PATTERN]}` in the spec")
    if missing and extra:
        helps.append("map other names by `weights: {rename: {PATTERN: NAME}}` in the spec")
    reporter.error(
        MISMATCH, f"the checkpoint does not fit the spec: {', '.join(counts)}", place,
        notes=notes, helps=helps,
    )  # fmt: skip
    return FAILED


def _near(name: str, extra: list[str]) -> str:
    found = nearest(name, extra[:500]) if len(name) < 80 else None
    return f"`{name}` (the file has `{shown(found)}`)" if found else f"`{name}`"


def _listed(what: str, items: list[str], told: Callable[[str], str] = str) -> list[str]:
    """All items: the first a line each, as they are told, the others together in one."""
    lines = [f"{what}: {told(item)}" for item in items[:LISTED]]
    if len(items) > LISTED:
        others = ", ".join(shown(item) for item in items[LISTED:NAMED])
        more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
        lines.append(f"{what} as well: {others}{more}")
    return lines
