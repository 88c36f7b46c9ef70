"""The families of the zoo as texts to be broken: their trees, sites, and which lines matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from archc.analysis.cost import count_macs, count_parameters
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Source, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.language.library import zoo_folder
from archc.language.spec import SpecFile
from archc.language.tree import Mapping, Scalar, Sequence, Tree
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import read_spec
from archc.stages.parse import parse
from tests.mutations.sites import Site, layer_sites

LIBRARIES = ("blocks", "timm/mobile_blocks")
VARIANTS = {"efficientnet": "efficientnet_b0", "timm/mobilenet_v3": "tf_mobilenetv3_small_100"}


@dataclass(frozen=True)
class Result:
    """What validating a text gave."""

    graphs: tuple[Graph, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def facts(self) -> list[tuple[int, object]]:
        """What `expect` confirms: parameters and multiply-accumulates of each graph."""
        return [(count_parameters(graph), count_macs(graph)) for graph in self.graphs]


@dataclass(frozen=True)
class Family:
    """A file of the zoo, and the one variant of it that is validated."""

    name: str
    path: Path
    text: str
    variant: str | None

    @cached_property
    def source(self) -> Source:
        """The text with the name that its imports are found by."""
        return Source(str(self.path), self.text)

    @cached_property
    def tree(self) -> Mapping:
        """The tree of the text."""
        tree = parse(self.source, Reporter())
        assert isinstance(tree, Mapping)
        return tree

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.split("\n")

    @cached_property
    def file(self) -> SpecFile:
        """The spec as it is read."""
        spec = read_spec(self.source, Reporter())
        assert not isinstance(spec, Failed)
        return spec.file

    def part(self, key: str) -> Tree | None:
        """The value of a top-level key."""
        entry = self.tree.get(key)
        return entry.value if entry is not None else None

    @cached_property
    def sites(self) -> list[Site]:
        """The sites of the layers and blocks that the variant makes use of."""
        bodies = [block.layers for block in self.file.blocks.values()] + [self.file.layers]
        found = [s for body in bodies if body is not None for s in layer_sites(body)]
        return [s for s in found if s.is_one_line and self.is_live(s.span.line)]

    @cached_property
    def live(self) -> set[int]:
        """The lines that a layer of the variant is written on, or a use that led to one."""
        result = self.validate(self.text)
        assert result.diagnostics == ()
        return {
            span.line
            for graph in result.graphs
            for node in graph.nodes
            for span in (node.place.span, *(frame.span for frame in node.place.trail))
            if span.file == str(self.path)
        }

    def is_live(self, line: int) -> bool:
        """Whether a line, or the one that the layer on it begins on, is one of the variant's."""
        return line in self.live

    def validate(self, text: str) -> Result:
        """What a text in the place of this one is found to be."""
        reporter = Reporter()
        spec = read_spec(Source(str(self.path), text), reporter)
        if isinstance(spec, Failed):
            return Result((), reporter.diagnostics)
        graphs = validate_spec(spec, Choices(self.variant), reporter)
        return Result(graphs, reporter.diagnostics)

    def replaced(self, span: Span, text: str) -> str:
        """The text with a stretch of one line replaced."""
        assert span.line == span.end_line
        lines = list(self.lines)
        line = lines[span.line - 1]
        lines[span.line - 1] = line[: span.column - 1] + text + line[span.end_column - 1 :]
        return "\n".join(lines)

    def without(self, line: int) -> str:
        """The text without a line."""
        return "\n".join(self.lines[: line - 1] + self.lines[line:])

    def with_line(self, line: int, text: str) -> str:
        """The text with a line replaced."""
        return "\n".join([*self.lines[: line - 1], text, *self.lines[line:]])


def scalars(tree: Tree) -> Iterator[Scalar]:
    """The scalars that are values, in the order of the text."""
    if isinstance(tree, Scalar):
        yield tree
        return
    parts = tree.items if isinstance(tree, Sequence) else tuple(e.value for e in tree)
    for part in parts:
        yield from scalars(part)


def families() -> list[Family]:
    """Every file of the zoo that describes networks, with its first variant."""
    found = []
    for path in sorted(zoo_folder().rglob("*.yaml")):
        name = path.relative_to(zoo_folder()).with_suffix("").as_posix()
        if name in LIBRARIES:
            continue
        family = Family(name, path, path.read_text(encoding="utf-8"), None)
        variant = VARIANTS.get(name, next(iter(family.file.variants), None))
        found.append(replace(family, variant=variant))
    return found
