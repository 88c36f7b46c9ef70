"""Specs as texts: what they are found to be."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import read_spec

HEAD = "archc: 1\nname: t\n"
IMAGE = "input: {image: [3, 8, 8]}\n"


class Found(NamedTuple):
    """What validation gave: the graphs, and what was reported."""

    graphs: tuple[Graph, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def rules(self) -> list[str]:
        """The rules of what was reported, in order."""
        return [d.rule.slug for d in self.diagnostics]

    @property
    def graph(self) -> Graph:
        """The one graph of a spec without mistakes."""
        assert self.diagnostics == ()
        (graph,) = self.graphs
        return graph

    @property
    def one(self) -> Diagnostic:
        """The one thing that was reported."""
        (diagnostic,) = self.diagnostics
        return diagnostic


def validate(
    text: str,
    *,
    variant: str | None = None,
    settings: Mapping[str, object] | None = None,
    outputs: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Found:
    """What a spec's text is found to be; the head and an input are put before where they lack."""
    text = textwrap.dedent(text)
    if "archc:" not in text:
        has_input = "\ninput:" in f"\n{text}" or "layers:" not in text
        text = HEAD + ("" if has_input else IMAGE) + text
    name = str(folder / "spec.yaml") if folder is not None else "spec.yaml"
    reporter = Reporter()
    spec = read_spec(Source(name, text), reporter)
    if isinstance(spec, Failed):
        return Found((), reporter.diagnostics)
    graphs = validate_spec(spec, Choices(variant, settings or {}, outputs or {}), reporter)
    return Found(graphs, reporter.diagnostics)


def marked(diagnostic: Diagnostic) -> str:
    """The text that a diagnostic marks, of its first line."""
    span = diagnostic.span
    line = span.source.line(span.line)
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    return line[span.column - 1 : end]
