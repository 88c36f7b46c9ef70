"""What a layer costs and sees, for one use of it or for all its uses."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from archc.analysis.cost import node_macs
from archc.analysis.receptive_field import AxisField, ReceptiveField, receptive_fields
from archc.graph.graph import ValueId
from archc.shapes.size import Size, add, substitute
from archc.shapes.tensor_type import TensorType
from archc.stages.elaborate.trace import Trace, Use

SHOWN_FORM = 60
"""Characters of a size in the symbols of the input, beyond which it is not shown."""


class Cost(NamedTuple):
    """What a layer, or all layers of a block, cost: learned values and multiply-accumulates."""

    parameters: int
    macs: Size


class Figures:
    """The figures of a trace, each worked out once."""

    def __init__(self, trace: Trace) -> None:
        self._graph = trace.graph
        self._sizes = _sizes(trace)
        self._shown: dict[TensorType, str] = {}
        self._owned: dict[str, int] | None = None
        self._fields: dict[ValueId, ReceptiveField | None] | None = None

    def shown(self, kind: TensorType | None) -> str:
        """The sizes of a type at the sizes of samples: `64×56×56`."""
        if kind is None:
            return "?"
        known = self._shown.get(kind)
        if known is None:
            known = "×".join(self._size(size) for size in kind.sizes) or "scalar"
            self._shown[kind] = known
        return known

    def formula(self, kind: TensorType) -> str:
        """The type in the symbols of the inputs, where it has some and is short."""
        text = str(kind)
        has_symbols = any(not isinstance(size, int) for size in kind.sizes)
        return text if has_symbols and len(text) <= SHOWN_FORM else ""

    def cost(self, use: Use) -> Cost:
        """What a use costs."""
        if self._owned is None:
            self._owned = self._parameters()
        nodes = [self._graph.nodes[i] for i in use.nodes if i < len(self._graph.nodes)]
        macs = add(*(node_macs(node) for node in nodes))
        return Cost(sum(self._owned.get(n.name, 0) for n in nodes), substitute(macs, self._sizes))

    def field(self, use: Use) -> str:
        """The receptive field of an element that comes out: `43×43`, or nothing."""
        if not use.nodes or not self._is_known:
            return ""
        if self._fields is None:
            self._fields = receptive_fields(self._graph)
        found = self._fields.get(len(self._graph.inputs) + use.nodes[-1])
        return "" if found is None else f"{_axis(found.height)}×{_axis(found.width)}"

    @property
    def _is_known(self) -> bool:
        return all(name in self._sizes for name in self._graph.domains)

    def _size(self, size: Size) -> str:
        known = substitute(size, self._sizes)
        return str(known) if isinstance(known, int) or len(str(known)) <= SHOWN_FORM else "…"

    def _parameters(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for node, weight in self._graph.owned_weights().values():
            if weight.learned:
                counts[node.name] = counts.get(node.name, 0) + math.prod(weight.shape)
        return counts


def _sizes(trace: Trace) -> dict[str, Size]:
    """The sizes of samples; those without a default are known where the spec is well typed."""
    graph = trace.graph
    sizes = graph.sample_sizes if trace.is_whole else graph.defaults
    return {name: size for name, size in sizes.items() if name in graph.domains}


def _axis(field: AxisField) -> str:
    return "all" if field.positions is None else str(field.positions)


def span_of_numbers(values: Iterable[Size]) -> str:
    """Numbers as one, or as the smallest and the largest of them."""
    found = list(dict.fromkeys(values))
    if len(found) == 1:
        return number(found[0])
    whole = [v for v in found if isinstance(v, int)]
    if len(whole) < len(found):
        return "differs"
    return f"{min(whole):,} … {max(whole):,}"


def number(size: Size) -> str:
    """A number with separators, or the form in the symbols of the inputs."""
    return f"{size:,}" if isinstance(size, int) else str(size)
