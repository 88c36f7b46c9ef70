"""A spec as it is read: its parts, with arguments still as trees."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from archc.diagnostics.place import Source, Span
from archc.language.parameter_type import ParameterType
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree

LANGUAGE_VERSION = 1

MODIFIERS = ("when", "from", "weights", "name", "repeat", "first")
"""Keys that may stand beside any layer, in the order of the language's table."""

CONTROL_KEYS = ("do", "when", "repeat", "for", "in", "if", "else")
"""Keys of a control item."""

EVALUATED_KEYS = frozenset(
    ("params", "variants", "let", "input", "preprocess", "blocks", "layers", "outputs", "expect")
)
"""The top-level keys in whose values `$` has a meaning."""

RESERVED_PARAMETERS = frozenset(
    ("name", "when", "from", "weights", "repeat", "first", "layers", "do", "for", "in", "if",
     "else", "init", "input")
)  # fmt: skip
"""Words that may not be parameters of a block."""


@dataclass(frozen=True, eq=False, slots=True)
class Parameter:
    """A declared parameter.

    `type` is None where the default gives it; `default` is None where the parameter is required.
    """

    name: str
    span: Span
    type: ParameterType | None
    default: Tree | None
    minimum: Tree | None = None
    maximum: Tree | None = None
    choices: Sequence | None = None
    help: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Variant:
    """A named set of parameter values, with its own expectations if wanted."""

    name: str
    span: Span
    values: tuple[Entry, ...]
    expect: Mapping | None
    description: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """A reusable piece: its parameters (the first is the principal one), `let`, and layers.

    `layers` is None where they are not written properly, which is reported.
    """

    name: str
    span: Span
    params: dict[str, Parameter]
    let: tuple[Entry, ...]
    layers: Tree | None
    file: SpecFile


@dataclass(eq=False, slots=True)
class SpecFile:
    """A file of the language. One without `layers` is a library.

    Attributes:
        span: where its name is written.
        imports: what is imported, as written.
        files: the files imported, in order, once they are linked.
        lacks_imports: whether one of the imports cannot be read, which is reported.
        blocks: what the file defines.
        imported: what its imports define, usable here and not passed on.
    """

    source: Source
    name: str
    span: Span
    description: str = ""
    imports: tuple[Scalar, ...] = ()
    lacks_imports: bool = False
    params: dict[str, Parameter] = field(default_factory=dict)
    variants: dict[str, Variant] = field(default_factory=dict)
    let: tuple[Entry, ...] = ()
    blocks: dict[str, Block] = field(default_factory=dict)
    imported: dict[str, Block] = field(default_factory=dict)
    files: list[SpecFile] = field(default_factory=list)
    input: Mapping | None = None
    preprocess: Mapping | None = None
    layers: Tree | None = None
    outputs: Mapping | None = None
    labels: Tree | None = None
    weights: Mapping | None = None
    expect: Mapping | None = None

    def block(self, name: str) -> Block | None:
        """The block of this name that the file can use."""
        return self.blocks.get(name) or self.imported.get(name)

    @property
    def block_names(self) -> tuple[str, ...]:
        """The blocks that the file can use."""
        return (*self.blocks, *self.imported)

    @property
    def is_library(self) -> bool:
        """Whether it only defines blocks."""
        return self.layers is None

    def all_files(self) -> list[SpecFile]:
        """The file and all that it imports, directly or not, each once."""
        found: list[SpecFile] = []
        waiting = [self]
        while waiting:
            file = waiting.pop(0)
            if file not in found:
                found.append(file)
                waiting += file.files
        return found


def unknown_cause(file: SpecFile | None, name: str) -> Hashable:
    """What all uses of a name come from that nothing in a file declares."""
    return "unknown", file, name
