"""Scopes: the names that layers have (paths), and the names that expressions see (environments)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from archc.diagnostics.place import Frame, Place, Span
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import ValueId
from archc.language.spec import Parameter, SpecFile
from archc.language.tree import Scalar, Tree
from archc.language.values import Argument, LayerValue, Text, Value
from archc.shapes.tensor_type import TensorType


class Flowing(NamedTuple):
    """The tensor that flows into the next layer: its value in the graph and its type."""

    id: ValueId
    type: TensorType


Flow: TypeAlias = Flowing | Failed


@dataclass(eq=False, slots=True)
class Named:
    """What a name in a scope stands for.

    Attributes:
        span: where the name is written.
        flow: the output; None while it is being computed.
        scope: the scope that the name opens, if any.
        is_maybe: it may be left out, as nobody knows the condition.
    """

    span: Span
    flow: Flow | None = None
    scope: Scope | None = None
    is_maybe: bool = False


@dataclass(eq=False, slots=True)
class Scope:
    """A scope of layer names, in the scope around it.

    Attributes:
        parent: the scope around, through the border of a block to the scope of its use.
        prefix: the dotted path of the scope with a final dot; empty at the root.
        entry: the tensor that `input` names here, where the scope is a block's or the root.
        names: what stands in it.
        count: layers numbered so far.
        is_counted: whether `count` is known; not after a condition that nobody knows.
        is_whole: whether all its names are known; not where a mistake, which is reported, keeps
            layers from having any.
        ahead: where the names are written that its mapping has, those not met yet included.
    """

    parent: Scope | None
    prefix: str
    entry: Flow | None = None
    names: dict[str, Named] = field(default_factory=dict)
    count: int = 0
    is_counted: bool = True
    is_whole: bool = True
    ahead: dict[str, Span] = field(default_factory=dict)

    def outwards(self) -> Iterator[Scope]:
        """The scope itself, then those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, path: str) -> tuple[Scope, Named] | None:
        """The layer that a path names from here, and the scope it stands in: the innermost hit."""
        parts = path.split(".")
        for scope in self.outwards():
            named = scope.descend(parts)
            if named is not None and named.flow is not None:
                return scope, named
        return None

    def descend(self, parts: list[str]) -> Named | None:
        """What the parts of a path name in this scope itself."""
        scope: Scope | None = self
        named: Named | None = None
        for part in parts:
            named = scope.names.get(part) if scope is not None else None
            if named is None:
                return None
            scope = named.scope
        return named

    def below(self, path: str, at: Span) -> Span | None:
        """Where the first name of a path is written below a place, in this scope or around it."""
        name = path.partition(".")[0]
        found = next((s.ahead[name] for s in self.outwards() if name in s.ahead), None)
        is_below = found is not None and found.source is at.source and found.line > at.line
        return found if is_below else None

    def may_hide(self, path: str) -> bool:
        """Whether a path that is not found may lead to a layer that a mistake has kept away."""
        parts = path.split(".")
        return any(_loses(scope, parts) for scope in self.outwards())

    def entered(self) -> Scope | None:
        """The scope whose entry `input` names from here."""
        return next((scope for scope in self.outwards() if scope.entry is not None), None)

    def reachable(self) -> list[str]:
        """The paths that could be written here, the nearest first, for suggestions."""
        near = (name for s in self.outwards() for name, n in s.names.items() if n.flow is not None)
        paths = (path for scope in self.outwards() for path in scope.paths(""))
        return list(dict.fromkeys(itertools.islice(itertools.chain(near, paths), 1_000)))

    def paths(self, prefix: str) -> Iterator[str]:
        """The paths of what is computed in the scope, each with the prefix."""
        for name, named in self.names.items():
            if named.flow is not None:
                yield prefix + name
            if named.scope is not None:
                yield from named.scope.paths(f"{prefix}{name}.")


class Origin(NamedTuple):
    """Where a text was written: its file, and the scope of layers there, if any."""

    file: SpecFile | None
    scope: Scope | None


def origin_of(text: Text) -> Origin:
    """Where a text was written, which decides what it names."""
    assert isinstance(text.origin, Origin)
    return text.origin


def exact(value: Hashable) -> Hashable:
    """What is equal for equal values of the same types alone, as 1 and 1.0 are not the same."""
    if isinstance(value, tuple):
        return tuple(map(exact, value))
    if isinstance(value, Text):
        return Text, str(value), origin_of(value).file  # its file says which block it names
    if isinstance(value, LayerValue):
        arguments = tuple((name, exact(a.value)) for name, a in value.arguments)
        return LayerValue, exact(value.name), arguments
    return type(value), value


def _loses(scope: Scope, parts: list[str]) -> bool:
    """Whether the parts of a path end, from a scope on, where not all names are known."""
    for part in parts:
        named = scope.names.get(part)
        if not scope.is_whole or named is None:
            break
        if named.scope is None:
            return isinstance(named.flow, Failed)
        scope = named.scope
    return not scope.is_whole


class Environment(NamedTuple):
    """The names that expressions see, the inner ones first.

    `find` of an environment gives a value, FAILED where its mistake is reported, or None where the
    name is unknown. A file's own environment computes its values when they are asked for. That of a
    block or a spec knows what was `given` for its parameters, in the context `outside` of a use,
    and how they are `declared`.
    """

    names: Mapping[str, Value | Failed]
    parent: Environment | None = None
    lazy: Callable[[str], Value | Failed | None] | None = None
    given: Mapping[str, Argument | Tree] = {}
    outside: Context | None = None
    declared: Mapping[str, Parameter] = {}

    def find(self, name: str) -> tuple[Value | Failed] | None:
        """The value of a name, in a tuple, or None."""
        environment: Environment | None = self
        while environment is not None:
            if name in environment.names:
                return (environment.names[name],)
            if environment.lazy is not None:
                value = environment.lazy(name)
                if value is not None:
                    return (value,)
            environment = environment.parent
        return None

    def owner(self, name: str) -> Environment | None:
        """The environment that a name is found in, where it is no file's that is asked lazily."""
        environment: Environment | None = self
        while environment is not None and name not in environment.names:
            environment = environment.parent
        return environment

    def known(self) -> list[str]:
        """All names in reach, for suggestions."""
        found: list[str] = []
        environment: Environment | None = self
        while environment is not None:
            found += environment.names
            environment = environment.parent
        return found

    def inner(self, names: Mapping[str, Value | Failed]) -> Environment:
        """An environment in which these names hide those around them."""
        return Environment(names, self)


class Context(NamedTuple):
    """Where elaboration stands: the file, the scope of layers, the names in reach, the uses.

    Attributes:
        is_certain: false below a condition that nobody knows, when a block is checked unused.
    """

    origin: Origin
    environment: Environment
    trail: tuple[Frame, ...] = ()
    is_certain: bool = True

    @property
    def file(self) -> SpecFile:
        """The file that the text stands in."""
        assert self.origin.file is not None
        return self.origin.file

    @property
    def scope(self) -> Scope:
        """The scope of layers."""
        assert self.origin.scope is not None
        return self.origin.scope

    def place(self, span: Span) -> Place:
        """The place of a span, with the uses that led here."""
        return Place(span, self.trail)

    def within(self, scope: Scope) -> Context:
        """The same in an inner scope of layers."""
        origin = Origin(self.origin.file, scope)
        return Context(origin, self.environment, self.trail, self.is_certain)

    def binding(self, names: Mapping[str, Value | Failed]) -> Context:
        """The same with further names."""
        inner = self.environment.inner(names)
        return Context(self.origin, inner, self.trail, self.is_certain)

    def inside(self, frame: Frame) -> Context:
        """The same one step further on the way."""
        return Context(self.origin, self.environment, (*self.trail, frame), self.is_certain)

    def uncertain(self) -> Context:
        """The same below a condition that nobody knows."""
        return Context(self.origin, self.environment, self.trail, is_certain=False)


def where_written(argument: Argument, context: Context) -> Place:
    """Where a value was written that reached an argument as `$name`, through uses of blocks."""
    place = argument.place
    for name, owner in _passed_on(argument, context):
        given = owner.given.get(name)
        declared = owner.declared.get(name)
        written = given or (declared.default if declared is not None else None)
        if written is not None:
            place = written.place if isinstance(written, Argument) else Place(written.span)
    return place


def distrust(argument: Argument, context: Context) -> None:
    """Makes unknown the names that passed on a value which was found not to fit."""
    for name, owner in _passed_on(argument, context):
        if isinstance(owner.names, dict):
            owner.names[name] = FAILED


def _passed_on(argument: Argument, context: Context) -> Iterator[tuple[str, Environment]]:
    """The names that a value went through as `$name`, from the inside out, with their owners."""
    while isinstance(argument.tree, Scalar) and argument.tree.text.startswith("$"):
        name = argument.tree.text[1:]
        owner = context.environment.owner(name)
        if owner is None:
            return
        yield name, owner
        given = owner.given.get(name)
        if not isinstance(given, Argument) or owner.outside is None:
            return
        argument, context = given, owner.outside
