"""Every file of this folder is a spec whose comments say what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.analysis.cost import count_parameters
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.language.library import nowhere, read_source
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import read_spec
from archc.stages.parse import parse
from tests.cases.expectations import Expectations, Expected, read_expectations

FOLDER = Path(__file__).parent
FILES = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_case_is_as_its_comments_say(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    expected = read_expectations(text)

    source, graphs, diagnostics = _validate(FOLDER / name, expected)

    assert _unexpected(source, diagnostics, expected) == []
    assert _missing(source, diagnostics, expected) == []
    if graphs and not any(d.severity == "error" for d in expected.diagnostics):
        _compare(graphs[0], source, expected)


def test_folder_has_no_file_without_an_expectation() -> None:
    for name in FILES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        expected = read_expectations(text)
        parts = (expected.diagnostics, expected.types, expected.names, expected.file)
        assert any(parts) or "expect:" in text or "library" in name, name


def _validate(
    path: Path, expected: Expectations
) -> tuple[Source, tuple[Graph, ...], tuple[Diagnostic, ...]]:
    reporter = Reporter()
    source = read_source(path, nowhere(str(path)), reporter)
    assert isinstance(source, Source), reporter.diagnostics
    spec = read_spec(source, reporter)
    if isinstance(spec, Failed):
        return source, (), reporter.diagnostics
    settings: dict[str, object] = {}
    for setting in expected.settings:
        key, _, value = setting.partition("=")
        settings[key] = parse(Source("set", value), reporter)
    choices = Choices(expected.file.get("variant"), settings)
    graphs = validate_spec(spec, choices, reporter)
    return source, graphs, reporter.diagnostics


def _matches(found: Diagnostic, expected: Expected) -> bool:
    return (
        found.span.line == expected.line
        and found.rule.slug == expected.rule
        and found.severity.value == expected.severity
        and expected.column in (0, found.span.column)
        and expected.message in found.message
    )


def _unexpected(
    source: Source, diagnostics: tuple[Diagnostic, ...], expected: Expectations
) -> list[str]:
    found = []
    for diagnostic in diagnostics:
        wanted = expected
        if diagnostic.span.source is not source:
            wanted = read_expectations(diagnostic.span.source.text)
        if not any(_matches(diagnostic, e) for e in wanted.diagnostics):
            found.append(f"{diagnostic.span}: [{diagnostic.rule.slug}] {diagnostic.message}")
    return found


def _missing(
    source: Source, diagnostics: tuple[Diagnostic, ...], expected: Expectations
) -> list[Expected]:
    here = [d for d in diagnostics if d.span.source is source]
    return [e for e in expected.diagnostics if not any(_matches(d, e) for d in here)]


def _compare(graph: Graph, source: Source, expected: Expectations) -> None:
    written: dict[int, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        if node.place.span.source is source:
            written.setdefault(node.place.span.line, []).append(index)
    for line, types in expected.types.items():
        found = dict.fromkeys(str(graph.nodes[i].output) for i in written.get(line, ()))
        assert list(found) == types, f"line {line}"
    for line, names in expected.names.items():
        assert [graph.nodes[i].name for i in written.get(line, ())] == names, f"line {line}"
    outputs = "; ".join(f"{o.name} {_shape(graph, o.value)}" for o in graph.outputs)
    bounds = ", ".join(f"{name} {least}" for name, (least, _) in graph.bounds.items())
    actual = {
        "layers": ", ".join(node.name for node in graph.nodes),
        "weights": ", ".join(graph.owned_weights()),
        "outputs": outputs,
        "bounds": bounds,
        "parameters": str(count_parameters(graph)),
    }
    for kind, value in expected.file.items():
        if kind != "variant":
            assert actual[kind] == value


def _shape(graph: Graph, value: int) -> str:
    kind = graph.type_of(value)
    return str(kind).removeprefix("float32 ")
