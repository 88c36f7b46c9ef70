"""Writes the layers and outputs of a network, name by name, as they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, final

from archc.analysis.expand.explicit import explicit_arguments
from archc.analysis.expand.lookup import Lookup, unused_name
from archc.analysis.expand.nesting import (
    NamedBranch,
    NamedLayer,
    Path,
    by_scope,
    first_value,
    layers_within,
    named_branch,
    named_layers,
)
from archc.analysis.expand.sizes import (
    expressions,
    forms,
    node_forms,
    takes_path,
    value_like,
    value_with,
)
from archc.analysis.expand.spec_text import Block, Flow, Raw, literal
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph, Node, Output, ValueId
from archc.language.scope import Scope
from archc.shapes.size import Form

NO_OWNER = Rule(
    "expand/weights-left-out",
    "a layer shares the weights of a layer that no output needs",
    "The expanded spec holds the layers that outputs need, and there is nothing to share there.",
)
NO_SIZE = Rule(
    "expand/size-not-found",
    "a layer takes a symbolic size that no single tensor above it has",
    "Without parameters, a size is passed on only from the tensor that enters a block.",
)

Entries: TypeAlias = list[tuple[str, Block]]
"""What stands in a scope: names, and what is written for them without the name."""


@final
class Writer:
    """Writes the sections of an expanded spec: first `layers`, then `outputs`.

    Attributes:
        blocks: the section `blocks`, once the others are written.
        failed: the token of what could not be written, if anything.
    """

    def __init__(self, graph: Graph, reporter: Reporter, renamed: Mapping[ValueId, str]) -> None:
        self._graph = graph
        self._reporter = reporter
        self._lookup = Lookup(graph, renamed)
        self.blocks: dict[str, Block] = {}
        self.failed: Failed | None = None

    def layers(self) -> Block:
        """The section `layers`."""
        root, flowing = self._lookup.root, 0
        entries: Entries = []
        for value in range(len(self._graph.inputs)):
            path = self._lookup.path(value, root)
            name = self._lookup.alias(value, root)
            if name is not None:
                entries.append((name, Flow({"layers": [], "from": path})))
                flowing = value
        layers = named_layers(self._graph, self._graph.elements)
        _, more = self._sequence(layers, (), root, flowing)
        return _sequence_block(entries + more, root)

    def outputs(self) -> dict[str, Block]:
        """The section `outputs`."""
        return {output.name: self._output(output) for output in self._graph.outputs}

    def _output(self, output: Output) -> Block:
        root = self._lookup.root
        if output.branch is None:
            return Flow(self._lookup.path(output.value, root))
        branch = named_branch(self._graph, output.branch)
        start = Flow(self._lookup.path(branch.start, root))
        if not branch.layers:
            return {"from": start}
        if not branch.is_list:
            return {"from": start, "layers": self._branch_layers(branch, (), root, branch.start)}
        # A list is numbered from 0 under the output's name, which a scope may have as well.
        known = root.names.get(output.name)
        beside = known.scope.names if known is not None and known.scope is not None else {}
        scope = Scope(root, f"{output.name}.", names=beside)
        layers = self._branch_layers(branch, (output.name,), scope, branch.start)
        return {"from": start, "layers": layers}

    # Sequences.

    def _sequence(
        self, layers: Sequence[NamedLayer], prefix: Path, scope: Scope, start: ValueId
    ) -> tuple[ValueId, Entries]:
        """The value that flows out of some layers, and the entries that write them."""
        flowing = start
        entries: Entries = []
        for name, found in by_scope(layers, prefix).items():
            self._lookup.declare(name, scope)
            if isinstance(found, NamedLayer):
                entry = self._layer(found, scope, flowing)
                flowing = found.value
            else:
                flowing, entry = self._scope(found, (*prefix, name), scope, flowing)
            self._lookup.define(name, scope, flowing)
            entries.append((name, entry))
            alias = self._lookup.alias(flowing, scope)
            if alias is not None:
                entries.append((alias, Flow([])))
        return flowing, entries

    def _scope(
        self, layers: tuple[NamedLayer, ...], path: Path, around: Scope, start: ValueId
    ) -> tuple[ValueId, Block]:
        scope = self._lookup.open(path[-1], around)
        source = self._source_of_sizes(layers, path, start)
        if source is None:
            flowing, entries = self._sequence(layers, path, scope, start)
            sequence = _sequence_block(entries, scope)
            return flowing, {"layers": sequence} if isinstance(sequence, dict) else sequence
        modifiers = {} if source == start else {"from": self._lookup.path(source, around)}
        outer, self._lookup.entering = self._lookup.entering, source
        flowing, entries = self._sequence(layers, path, scope, source)
        self._lookup.entering = outer
        block = unused_name(self._graph, f"sized_{len(self.blocks)}")
        self.blocks[block] = {"layers": _sequence_block(entries, scope)}
        return flowing, _layer(block, None, {}, modifiers)

    # Layers.

    def _layer(self, layer: NamedLayer, scope: Scope, flowing: ValueId) -> Block:
        node = layer.node
        if node.layer.takes_branches:
            return self._merge(layer, scope, flowing)
        modifiers: dict[str, Any] = {}
        if node.inputs[0] != flowing:
            modifiers["from"] = self._lookup.path(node.inputs[0], scope)
        if node.owner != node.name:
            modifiers["weights"] = self._owner(node, scope)
        principal = next(iter(type(node.layer).model_fields), None)
        return _layer(node.layer.op, principal, self._arguments(layer, scope), modifiers)

    def _owner(self, node: Node, scope: Scope) -> str:
        path = self._lookup.owner(node.owner, scope)
        if path is None:
            message = f"`{node.name}` shares the weights of `{node.owner}`, which no output needs"
            helps = (f"add an output that needs `{node.owner}`",)
            self.failed = self._reporter.error(NO_OWNER, message, node.place, helps=helps)
        return path or node.owner

    def _arguments(self, layer: NamedLayer, scope: Scope) -> dict[str, Any]:
        node = layer.node
        arguments = explicit_arguments(node, self._graph.domains)
        known = expressions(self._graph, self._lookup.entering)
        unknown = [name for name, value in arguments.items() if forms(value) - known.keys()]
        path_argument = node.layer.path_argument
        if unknown and takes_path(node):
            arguments = {n: v for n, v in arguments.items() if n not in unknown}
            like = value_like(self._graph, node, layer.value)
            if like is None:
                self._no_size(node)
            arguments[str(path_argument)] = self._lookup.path(like or 0, scope)
        elif path_argument in arguments:
            arguments[path_argument] = self._lookup.path(node.inputs[1], scope)
        return {name: _argument(value, known) for name, value in arguments.items()}

    # Merges.

    def _merge(self, layer: NamedLayer, scope: Scope, flowing: ValueId) -> Block:
        self._lookup.open(layer.path[-1], scope)
        modifiers: dict[str, Block] = {}
        start = _common_start(layer, flowing)
        if start != flowing:
            modifiers["from"] = Flow(self._lookup.path(start, scope))
        branches = [
            self._branch(branch, (*layer.path, str(number)), scope, start)
            for number, branch in enumerate(layer.branches)
        ]
        arguments = self._arguments(layer, scope)
        written: dict[str, Block] = {name: Flow(value) for name, value in arguments.items()}
        return {layer.node.layer.op: branches, **written, **modifiers}

    def _branch(self, branch: NamedBranch, path: Path, around: Scope, start: ValueId) -> Block:
        """A branch of the merge and the number that end the path."""
        if not branch.layers and branch.value != start:
            return Flow({"from": self._lookup.path(branch.value, around)})
        if branch.layers and not branch.is_list:
            return self._branch_layers(branch, path[:-2], around, start)
        merge = self._lookup.open(path[-2], around)
        scope = self._lookup.open(path[-1], merge)
        layers = self._branch_layers(branch, path, scope, start) if branch.layers else Flow([])
        self._lookup.define(path[-1], merge, branch.value)
        return layers

    def _branch_layers(
        self, branch: NamedBranch, prefix: Path, scope: Scope, start: ValueId
    ) -> Block:
        """The layers of a branch, which end where the branch does."""
        flowing, entries = self._sequence(branch.layers, prefix, scope, start)
        if flowing != branch.value:
            end = {"layers": [], "from": self._lookup.path(branch.value, scope)}
            entries.append((unused_name(self._graph, "end"), Flow(end)))
        if branch.is_list:
            return _list_block(entries, scope)
        names = {name for name, _ in entries}
        layers: Block = dict(entries)
        # Names that a control item or a long form has as keys would be taken for one.
        return {"layers": layers} if "do" in names or names <= _LONG_FORM else layers

    # Sizes.

    def _source_of_sizes(
        self, layers: Sequence[NamedLayer], path: Path, start: ValueId
    ) -> ValueId | None:
        """The value that must enter a scope as a block, so that its layers find their sizes."""
        within = [layer.node for layer in layers_within(layers, path)]
        wanted = {size for node in within if not takes_path(node) for size in node_forms(node)}
        if wanted <= expressions(self._graph, self._lookup.entering).keys():
            return None
        before = min(map(first_value, layers))
        source = value_with(self._graph, wanted, (start, *reversed(range(before))))
        if source is None:
            self._no_size(within[0])
        return source

    def _no_size(self, node: Node) -> None:
        sizes = " and ".join(f"`{size}`" for size in sorted(map(str, node_forms(node))))
        message = f"`{node.name}` takes {sizes}, which no single tensor above it has"
        helps = ("fix the input's size, such as `--set H=224`",)
        self.failed = self._reporter.error(NO_SIZE, message, node.place, helps=helps)


_LONG_FORM = frozenset(("layers", "from", "when"))


def _common_start(layer: NamedLayer, flowing: ValueId) -> ValueId:
    """The value above a merge that most of its branches start from; what flows in, if that."""
    starts = [branch.start if branch.layers else branch.value for branch in layer.branches]
    above = [value for value in starts if value < first_value(layer)]
    return max([flowing, *above], key=starts.count)


def _argument(value: object, known: Mapping[Form, str]) -> object:
    if isinstance(value, tuple):
        return tuple(_argument(v, known) for v in value)
    if isinstance(value, Form):
        return Raw(known.get(value, value))
    return literal(value) if isinstance(value, str) else value


def _layer(
    op: str, principal: str | None, arguments: Mapping[str, Any], modifiers: Mapping[str, Any]
) -> Flow:
    """A layer on one line: its op with the principal argument, the others, then the modifiers."""
    if not arguments:
        return Flow({op: None, **modifiers} if modifiers else op)
    if principal is None or principal not in arguments:
        return Flow({op: arguments, **modifiers})
    others = {name: value for name, value in arguments.items() if name != principal}
    return Flow({op: arguments[principal], **others, **modifiers})


def _sequence_block(entries: Entries, scope: Scope) -> Block:
    """A list where the names number its layers, else a mapping."""
    if [name for name, _ in entries] == [str(i) for i in range(len(entries))]:
        return _list_block(entries, scope)
    return dict(entries)


def _list_block(entries: Entries, scope: Scope) -> Block:
    items: list[Block] = []
    for name, entry in entries:
        is_numbered = name == str(scope.count)
        scope.count += is_numbered
        items.append(entry if is_numbered else _named_item(entry, name))
    return items


def _named_item(entry: Block, name: str) -> Block:
    """An item of a list with a name of its own in place of a number."""
    if isinstance(entry, dict):
        return {**entry, "name": Flow(name)}
    if isinstance(entry, list):
        return {"layers": entry, "name": Flow(name)}
    match entry.value:
        case dict(layer):
            return Flow({**layer, "name": name})
        case list(layers):
            return Flow({"layers": layers, "name": name})
        case op:
            return Flow({op: None, "name": name})
