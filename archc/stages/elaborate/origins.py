"""Where a size came from: the layers that gave an axis the size that it has."""

from __future__ import annotations

from collections.abc import Iterator

from archc.diagnostics.diagnostic import Related
from archc.diagnostics.place import Frame, Place, Span
from archc.graph.graph import Node, ValueId
from archc.stages.elaborate.builder import GraphBuilder

SHOWN_ORIGINS = 3
"""The last layers of a branch that change a size; more would hide the one that matters."""


def origins(
    builder: GraphBuilder, value: ValueId, axis: int, start: ValueId | None, seen_from: Place
) -> list[Related]:
    """The layers that gave `value` its size along an axis (0 for channels), the last one first.

    Channels have one such layer. Heights and widths are changed by many; of a branch, which begins
    at `start`, its own are shown. Each is shown where it is used from the place of the error: a
    block's layer at the use of the block.
    """
    found: list[Related] = []
    for node, number in _changes(builder, value, axis):
        if start is not None and number <= start and axis > 0:
            break
        label = _words(node, axis)
        used = _seen(node.place, seen_from.trail)
        found.append(Related(used, label))
        if used != node.place.span:
            found.append(Related(node.place.span, "by this layer"))
        if start is None or len(found) >= SHOWN_ORIGINS or axis == 0:
            break
    return found


def _changes(builder: GraphBuilder, value: ValueId, axis: int) -> Iterator[tuple[Node, ValueId]]:
    """The layers that give or change the size, backwards."""
    while (node := builder.node_of(value)) is not None:
        size = node.output.sizes[axis]
        passed_on = [
            given
            for given, kind in zip(node.inputs, node.input_types, strict=True)
            if kind.rank == node.output.rank and kind.sizes[axis] == size
        ]
        if not passed_on or _sets(node, axis):
            yield node, value
        if _sets(node, axis) or node.input_types[0].rank != node.output.rank:
            return
        value = passed_on[0] if passed_on else node.inputs[0]


def _sets(node: Node, axis: int) -> bool:
    """Whether a layer gives the axis a size of its own, whatever comes in."""
    is_last = axis == 0
    return is_last and any(weight.outputs_axis is not None for weight in node.weights)


def _words(node: Node, axis: int) -> str:
    kind = node.output.axes[axis]
    before = node.input_types[0]
    name = kind.name or f"axis {axis + 1}"
    if axis == 0 or before.rank != node.output.rank:
        return f"`{node.name}` gives {kind.size} {name}"
    windows = node.layer.sliding
    if windows is not None and axis <= len(windows):
        reckoned = windows[axis - 1].arithmetic(before.sizes[axis])
        return f"`{node.name}` makes the {name} {reckoned}"
    return f"`{node.name}` makes the {name} {kind.size}, of {before.sizes[axis]}"


def _seen(place: Place, trail: tuple[Frame, ...]) -> Span:
    """The use that leads to a place, seen from another: the first one that they do not share."""
    for index, frame in enumerate(place.trail):
        is_shared = index < len(trail) and trail[index].span == frame.span
        if frame.is_use and not is_shared:
            return frame.span
    return place.span
