"""Paths for an expanded spec: the shortest text that means a value where it is written.

The scopes are the language's own, filled as the layers are written, so that a path is looked up as
it will be when the spec is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import final

from archc.diagnostics.errors import InternalError
from archc.graph.graph import Graph, ValueId
from archc.language.scope import Flowing, Named, Scope


class HiddenError(Exception):
    """A value whose every path means something else where it is wanted; it needs another name."""

    def __init__(self, value: ValueId) -> None:
        self.value = value
        super().__init__(value)


@final
class Lookup:
    """The scopes of a network while it is written.

    Attributes:
        root: the outermost scope.
        entering: the value that `input` means now.
    """

    def __init__(self, graph: Graph, renamed: Mapping[ValueId, str]) -> None:
        self._graph = graph
        self._renamed = renamed
        self._aliases: dict[ValueId, str] = {}
        self._span = graph.inputs[0].place.span
        self.root = Scope(None, "")
        self.entering: ValueId = 0
        for value, entry in enumerate(graph.inputs):
            if entry.name != "input":
                self.declare(entry.name, self.root)
                self.define(entry.name, self.root, value)

    def declare(self, name: str, scope: Scope) -> Named:
        """Enters a name into a scope; it means nothing until it is defined."""
        named = scope.names[name] = Named(self._span)
        return named

    def define(self, name: str, scope: Scope, value: ValueId) -> None:
        """Gives a declared name its value."""
        scope.names[name].flow = Flowing(value, self._graph.type_of(value))

    def open(self, name: str, around: Scope) -> Scope:
        """The scope that a name of the scope around opens."""
        named = around.names.get(name) or self.declare(name, around)
        if named.scope is None:
            named.scope = Scope(around, f"{around.prefix}{name}.")
        return named.scope

    def alias(self, value: ValueId, scope: Scope) -> str | None:
        """The further name that a value gets in a scope, the first time that it is asked for."""
        if value not in self._renamed or value in self._aliases:
            return None
        name = self._renamed[value]
        self._aliases[value] = scope.prefix + name
        self.declare(name, scope)
        self.define(name, scope, value)
        return name

    def path(self, value: ValueId, scope: Scope) -> str:
        """The shortest path that means a value in a scope.

        Raises:
            HiddenError: there is none.
        """
        names = [self._graph.name_of(value)]
        if value in self._aliases:
            names.append(self._aliases[value])
        for name in names:
            for path in _relative(name, scope):
                found = scope.find(path) if path != "input" else None
                if found is not None and _id(found[1]) == value:
                    return path
        if value == self.entering:
            return "input"
        if value in self._aliases:
            raise InternalError(f"`{names[0]}` is hidden under every name")
        raise HiddenError(value)

    def owner(self, name: str, scope: Scope) -> str | None:
        """The shortest path that means the layer of this full name, not another of its value."""
        for path in _relative(name, scope):
            found = scope.find(path)
            if found is not None and found[0].prefix + path == name:
                return path
        return None


def _relative(name: str, scope: Scope) -> Iterator[str]:
    """The paths to a full name from a scope and those around it, the shortest first."""
    for around in scope.outwards():
        if name.startswith(around.prefix):
            yield name[len(around.prefix) :]


def _id(named: Named) -> ValueId | None:
    return named.flow.id if isinstance(named.flow, Flowing) else None


def unused_name(graph: Graph, wanted: str) -> str:
    """The name, or a longer one, that no layer, scope or input of a network has."""
    taken = {part for node in graph.nodes for part in node.name.split(".")}
    taken |= {entry.name for entry in graph.inputs} | {output.name for output in graph.outputs}
    while wanted in taken:
        wanted += "_"
    return wanted
