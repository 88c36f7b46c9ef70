"""Documents: a text with what is known of it, worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Source, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.editor.lsp.figures import Figures
from archc.editor.lsp.positions import TextLines
from archc.editor.lsp.word_reader import read_words
from archc.editor.lsp.words import Word
from archc.language.spec import SpecFile
from archc.language.tree import Tree
from archc.pipeline.networks import Choices, elaborate_network
from archc.pipeline.reading import Spec, read_spec
from archc.stages.elaborate import check_library, is_complete
from archc.stages.elaborate.trace import Trace, trace_spec
from archc.stages.parse import parse


class Document:
    """One version of a text.

    Attributes:
        path: where it lies, or would lie.
        lines: the text, cut into lines.
        opened: the texts that stand in place of the files that it imports.
        wanted: the variant that is shown, where the spec has it.
        before: the last version that was a spec, where this one is none.
        is_part: whether the text is cut out of a spec, and is none by itself.
    """

    def __init__(
        self,
        path: Path,
        lines: TextLines,
        opened: Mapping[Path, Source] | None = None,
        wanted: str | None = None,
        before: Document | None = None,
        *,
        is_part: bool = False,
    ) -> None:
        self.path = path
        self.lines = lines
        self.opened = dict(opened or {})
        self.wanted = wanted
        self._before = before
        self._is_part = is_part

    @property
    def source(self) -> Source:
        """The text that spans point into."""
        return self.lines.source

    @cached_property
    def _parsed(self) -> tuple[Tree | None, tuple[Diagnostic, ...]]:
        reporter = Reporter()
        tree = parse(self.source, reporter)
        return None if isinstance(tree, Failed) else tree, reporter.diagnostics

    @property
    def tree(self) -> Tree | None:
        """The tree, or None where the text is no YAML."""
        return self._parsed[0]

    @cached_property
    def words(self) -> list[Word]:
        """The words in the order of the text; none where it is no YAML."""
        return read_words(self.tree) if self.tree is not None else []

    @cached_property
    def _read(self) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
        tree, found = self._parsed
        if tree is None or self._is_part:
            return None, found
        reporter = Reporter()
        reporter.add(found)
        spec = read_spec(self.source, reporter, opened=self.opened, tree=tree)
        return None if isinstance(spec, Failed) else spec, reporter.diagnostics

    @property
    def spec(self) -> Spec | None:
        """The spec with its imports; None where nothing can be read."""
        return self._read[0]

    @property
    def good(self) -> Document | None:
        """This version, or the last before it, that was a spec."""
        return self if self.spec is not None else self._before

    @property
    def file(self) -> SpecFile | None:
        """The file of this version, or of the last before it that was a spec."""
        good = self.good
        return good.spec.file if good is not None and good.spec is not None else None

    @cached_property
    def variant(self) -> str | None:
        """The variant that is shown: the wanted one, else the defaults, else the first."""
        file = self.file
        if file is None:
            return None
        if self.wanted in file.variants:
            return self.wanted
        return None if is_complete(file) else next(iter(file.variants), None)

    @cached_property
    def _traced(self) -> tuple[Trace | None, tuple[Diagnostic, ...]]:
        spec, found = self._read
        if spec is None:
            return None, found
        reporter = Reporter()
        trace = trace_spec(spec.file, reporter, self.variant)
        return trace, (*found, *reporter.diagnostics)

    @property
    def trace(self) -> Trace | None:
        """What elaborating the variant that is shown came upon; None where there is no spec."""
        return self._traced[0]

    @property
    def mistakes(self) -> tuple[Diagnostic, ...]:
        """What is wrong in reading, and in elaborating the variant that is shown."""
        return self._traced[1]

    @cached_property
    def figures(self) -> Figures | None:
        """What the layers of the variant that is shown cost."""
        return Figures(self.trace) if self.trace is not None else None

    def word_at(self, offset: int) -> Word | None:
        """The word at an offset, or the one that ends there."""
        ending = None
        for word in self.words:
            start, end = self.lines.offsets(word.scalar.span)
            if start <= offset < end:
                return word
            if offset == end and start < end:
                ending = word
            if start > offset:
                break
        return ending

    def span(self, start: int, end: int) -> Span:
        """The span between two offsets."""
        return Span(self.source, *self.lines.place(start), *self.lines.place(end))

    def check(self) -> Iterator[tuple[Diagnostic, ...]]:
        """What is wrong, in steps: after reading, and after each variant, the shown one first.

        Each step gives all that is known by then.
        """
        together = Reporter()
        spec, found = self._read
        together.add(found)
        yield together.diagnostics
        if spec is None:
            return
        if spec.file.is_library:
            check_library(spec.file, together)
            yield together.diagnostics
            return
        variants = [*([None] if is_complete(spec.file) else []), *spec.file.variants]
        variants.sort(key=lambda variant: variant != self.variant)
        for variant in variants or [None]:
            own = Reporter()
            elaborate_network(spec, Choices(variant), own)
            together.add(own.diagnostics)
            yield together.diagnostics
