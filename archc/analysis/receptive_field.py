"""How much of the input an element of each layer's output depends on.

A layer with windows of extent e and stride s over elements that each see r positions, j apart,
gives elements that see r' = r + (e − 1)·j positions and stand j' = j·s apart; a merge sees what its
branch with the largest field sees. A layer that takes all positions of an axis together, such as a
global pool or `flatten`, sees the whole axis.

Source: Araujo, Norris and Sim, Computing receptive fields of convolutional neural networks, Distill
2019, equations 1 and 2; the border of the input is not taken into account.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from archc.graph.graph import Graph, Node, ValueId
from archc.graph.layer import Reach
from archc.shapes.size import Size, evaluate
from archc.shapes.tensor_type import CHANNELS, HEIGHT, WIDTH, TensorType


@dataclass(frozen=True, slots=True)
class AxisField:
    """The receptive field along one axis, in positions of the input.

    Attributes:
        extent: the positions that one element depends on; None for the whole axis.
        step: how far apart the fields of two neighbours are; None where there is one position.
    """

    extent: Fraction | None
    step: Fraction | None

    @property
    def positions(self) -> int | None:
        """The extent in whole positions; None for the whole axis."""
        return None if self.extent is None else math.ceil(self.extent)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What an element depends on, along height and width of the input."""

    height: AxisField
    width: AxisField


_POSITION = AxisField(Fraction(1), Fraction(1))
_WHOLE = AxisField(None, None)


def receptive_fields(graph: Graph) -> dict[ValueId, ReceptiveField | None]:
    """The receptive field of each value; None where it depends on no image."""
    fields: dict[ValueId, ReceptiveField | None] = {}
    for value, entry in enumerate(graph.inputs):
        fields[value] = ReceptiveField(_POSITION, _POSITION) if entry.type.is_image else None
    sizes = graph.sample_sizes
    for value, node in enumerate(graph.nodes, len(graph.inputs)):
        branches = node.inputs if node.layer.takes_branches else node.inputs[:1]
        known = [f for f in (fields[branch] for branch in branches) if f is not None]
        if not known or node.layer.takes_branches:
            fields[value] = _largest(known)
        else:
            fields[value] = _through(node, known[0], sizes)
    return fields


def _largest(fields: list[ReceptiveField]) -> ReceptiveField | None:
    if not fields:
        return None
    return ReceptiveField(
        _largest_axis([f.height for f in fields]), _largest_axis([f.width for f in fields])
    )


def _largest_axis(fields: list[AxisField]) -> AxisField:
    extents = [f.extent for f in fields if f.extent is not None]
    steps = [f.step for f in fields if f.step is not None]
    extent = max(extents) if len(extents) == len(fields) else None
    return AxisField(extent, max(steps, default=None))


def _through(node: Node, field: ReceptiveField, sizes: Mapping[str, int]) -> ReceptiveField:
    x, y = node.input_types[0], node.output
    reach = node.layer.reach(node.input_types) or _gathered(x, y, sizes)
    along = []
    for index, (name, axis) in enumerate(((HEIGHT, field.height), (WIDTH, field.width))):
        before, after = (_number(t.size(name), sizes) for t in (x, y))
        extent, stride = (1, 1) if reach is None else (reach.extent[index], reach.stride[index])
        along.append(_along(axis, before, after, extent, stride, has_windows=reach is not None))
    return ReceptiveField(*along)


def _along(
    field: AxisField,
    before: int | None,
    after: int | None,
    extent: int,
    stride: int,
    *,
    has_windows: bool,
) -> AxisField:
    """The field along an axis from one size to another; a size is None where the axis is gone."""
    if before is None:
        return AxisField(field.extent, None)
    is_joined = before > 1 and (after is None or after == 1)
    if is_joined and (not has_windows or extent >= before):
        return _WHOLE
    grown = field.extent
    if grown is not None and field.step is not None:
        grown += (extent - 1) * field.step
    if after is None or field.step is None:
        return AxisField(grown, None)
    # Larger sizes come of upsampling: between two elements of the input there are several now.
    finer = max(round(after / before), 1)
    return AxisField(grown, field.step * stride / finer)


def _gathered(x: TensorType, y: TensorType, sizes: Mapping[str, int]) -> Reach | None:
    """The windows of a layer that moves squares of positions into channels, as `space_to_depth`."""
    if not (x.is_image and y.is_image):
        return None
    (c, h, w), (c_new, h_new, w_new) = (
        tuple(evaluate(t.size(a) or 0, sizes) for a in (CHANNELS, HEIGHT, WIDTH)) for t in (x, y)
    )
    if c_new <= c or h_new == 0 or w_new == 0 or h % h_new or w % w_new:
        return None
    by_height, by_width = h // h_new, w // w_new
    if c_new != c * by_height * by_width:
        return None
    return Reach((by_height, by_width), (by_height, by_width))


def _number(size: Size | None, sizes: Mapping[str, int]) -> int | None:
    return None if size is None else evaluate(size, sizes)
