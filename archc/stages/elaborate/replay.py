"""Blocks used again: what one gave for equal arguments and an equal input is given once more.

The blocks of a stage differ in little but their layers' names, so most of a deep network is a copy
of what was elaborated before. A run is kept if it reported nothing and hung on nothing but what
entered it: no path in it led out of the block.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from archc.diagnostics.place import Frame, Place
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Branch, Element, Group, Leaf, Merge, Node, ValueId
from archc.language.scope import Context, Flow, Flowing, Named, Scope, exact
from archc.language.spec import Block
from archc.language.values import Argument
from archc.stages.elaborate.builder import Demand, GraphBuilder
from archc.stages.elaborate.walk import DEPTH_BOUND, Recording, Run, Walk


def recording_key(
    walk: Walk, block: Block, arguments: Mapping[str, Argument], inner: Context
) -> Hashable:
    """What the run of a block in its context hangs on; None where it is not to be kept."""
    entry = inner.scope.entry
    if not (walk.keeps_blocks and inner.is_certain and isinstance(entry, Flowing)):
        return None
    return block, entry.type, tuple((name, exact(a.value)) for name, a in arguments.items())


class Recorder:
    """Watches the run of a block, from when it is made to `finish`."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        builder = walk.builder
        self._nodes, self._demands = len(builder.nodes), len(builder.demands)
        self._left_out, self._uses = len(walk.left_out), len(walk.uses)
        self._steps, self._reports = walk.steps, walk.reporter.reports
        self._around = walk.deepest, walk.reach
        walk.deepest, walk.reach = walk.depth, DEPTH_BOUND

    def finish(self, key: Hashable, inner: Context, run: Run) -> None:
        """Ends the watch, and keeps the run, in the block's context, if it may be given again."""
        walk, builder, entry = self._walk, self._walk.builder, inner.scope.entry
        height, is_within = walk.deepest - walk.depth, walk.reach > len(walk.active)
        deepest, reach = self._around
        walk.deepest, walk.reach = max(walk.deepest, deepest), min(walk.reach, reach)
        if key is None or not is_within or walk.reporter.reports > self._reports:
            return
        if not isinstance(entry, Flowing) or isinstance(run.flow, Failed):
            return
        walk.recordings[key] = Recording(
            entry.id, len(builder.inputs) + self._nodes,
            tuple(builder.nodes[self._nodes :]), tuple(builder.demands[self._demands :]),
            inner.scope, run, len(inner.trail),
            tuple(walk.left_out[self._left_out :]), frozenset(walk.uses[self._uses :]),
            walk.steps - self._steps, height,
        )  # fmt: skip


def find_recording(walk: Walk, key: Hashable) -> Recording | None:
    """What is kept of an equal run, if running here would be no different.

    That is so unless a bound is met, or a block in it stands around it, which is an error.
    """
    known = walk.recordings.get(key)
    if known is None or not walk.has_room(known.steps, known.height):
        return None
    return None if any(block in known.used for block, _ in walk.active) else known


def replay(walk: Walk, known: Recording, inner: Context) -> Run:
    """Gives a run again in the context of a block."""
    scope = inner.scope
    assert isinstance(scope.entry, Flowing)
    walk.left_out += known.left_out
    walk.uses += known.used
    walk.steps += known.steps
    walk.deepest = max(walk.deepest, walk.depth + known.height)
    copy = _Copy(walk.builder, known, scope.prefix, scope.entry.id, inner.trail)
    copy.add_layers()
    copy.add_names(known.scope, scope)
    return Run(copy.flow(known.run.flow), copy.elements(known.run.elements))


class _Copy:
    """A recording moved to another scope, with the values, names and places of that."""

    def __init__(
        self,
        builder: GraphBuilder,
        known: Recording,
        prefix: str,
        entry: ValueId,
        trail: tuple[Frame, ...],
    ) -> None:
        self._builder, self._known = builder, known
        self._prefix, self._entry, self._trail = prefix, entry, trail
        self._by = len(builder.inputs) + len(builder.nodes) - known.first

    def add_layers(self) -> None:
        """Adds the layers and their demands to the graph."""
        for node in self._known.nodes:
            name = self._name(node.name)
            owner = name if node.owner == node.name else self._name(node.owner)
            inputs = tuple(map(self._value, node.inputs))
            place = self._place(node.place)
            self._builder.append(
                Node(
                    name, node.layer, inputs, node.input_types, node.output, node.weights, owner,
                    place,
                )
            )  # fmt: skip
        for demand in self._known.demands:
            layer, place = self._name(demand.layer), self._place(demand.place)
            index = demand.node + self._by
            moved = Demand(demand.symbol, demand.least, layer, place, index)
            self._builder.demands.append(moved)

    def add_names(self, old: Scope, new: Scope) -> None:
        """Enters the names of a scope, and of those in it, into the one that stands for it."""
        new.count, new.ahead = old.count, old.ahead
        for name, named in old.names.items():
            moved = new.names[name] = Named(named.span, self.flow(named.flow))
            if named.scope is not None:
                prefix, entry = self._name(named.scope.prefix), named.scope.entry
                moved.scope = Scope(new, prefix, entry and self.flow(entry))
                self.add_names(named.scope, moved.scope)

    def flow(self, flow: Flow | None) -> Flow:
        """What flows here where that flowed in the recorded run."""
        return Flowing(self._value(flow.id), flow.type) if isinstance(flow, Flowing) else FAILED

    def elements(self, elements: Iterable[Element]) -> tuple[Element, ...]:
        """The nesting of the layers."""
        return tuple(map(self._element, elements))

    def _element(self, element: Element) -> Element:
        value = self._value(element.value)
        if isinstance(element, Leaf):
            return Leaf(element.name, value)
        if isinstance(element, Group):
            return Group(element.name, self.elements(element.children), value, element.block)
        return Merge(element.name, value, tuple(map(self._branch, element.branches)))

    def _branch(self, branch: Branch) -> Branch:
        start, value = self._value(branch.start), self._value(branch.value)
        return Branch(start, value, self.elements(branch.children), branch.is_list)

    def _value(self, value: ValueId) -> ValueId:
        return value + self._by if value >= self._known.first else self._entry

    def _name(self, name: str) -> str:
        return self._prefix + name[len(self._known.scope.prefix) :]

    def _place(self, place: Place) -> Place:
        return Place(place.span, (*self._trail, *place.trail[self._known.trail :]))
