"""Weights of another layer: `weights: path`, name by name for all that stands under a name."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.graph.graph import Node
from archc.stages.elaborate.walk import Walk

MISMATCH = Rule(
    "weights/not-shareable", "two layers that share weights differ in kind or shapes",
    "one array serves both, so both must want the same",
)  # fmt: skip


def share_weights(walk: Walk, name: str, owner: str, start: int, place: Place) -> None:
    """Makes the nodes made since `start` under `name` use the weights under `owner`."""
    builder = walk.builder
    for index in range(start, len(builder.nodes)):
        node = builder.nodes[index]
        if node.name != name and not node.name.startswith(f"{name}."):
            if not node.weights:
                continue
            message = f"`{node.name}` does not stand under `{name}`, as its branch is a mapping"
            walk.reporter.error(MISMATCH, message, place, helps=("write its branch as a list",))
            return
        other = owner + node.name[len(name) :]
        found = builder.by_name.get(other)
        counterpart = builder.nodes[found] if found is not None else None
        if counterpart is None and not node.weights:
            continue
        wrong = _difference(node, counterpart, other)
        if wrong or counterpart is None:
            walk.reporter.error(MISMATCH, wrong, place)
            return
        builder.share(index, counterpart.owner)


def _difference(node: Node, other: Node | None, name: str) -> str:
    if other is None:
        return f"there is no layer `{name}` to share the weights of `{node.name}`"
    if other.layer.op != node.layer.op:
        return f"`{name}` is `{other.layer.op}`, but `{node.name}` is `{node.layer.op}`"
    mine = {w.name: w.shape for w in node.weights}
    theirs = {w.name: w.shape for w in other.weights}
    wrong = [f"`{w}` is missing there" for w in mine if w not in theirs]
    wrong += [f"`{w}` is missing here" for w in theirs if w not in mine]
    wrong += [
        f"`{w}` is {list(theirs[w])} there and {list(shape)} here"
        for w, shape in mine.items()
        if w in theirs and theirs[w] != shape
    ]
    return f"the weights of `{name}` do not fit: {', '.join(wrong)}" if wrong else ""
