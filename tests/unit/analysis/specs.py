"""Networks from the text of a spec, for the tests of this folder."""

from __future__ import annotations

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.pipeline.networks import Choices, Network, elaborate_network
from archc.pipeline.reading import read_spec

HEAD = "archc: 1\nname: net\n"


def network(text: str, **settings: object) -> Network:
    """The network of a spec without its first two lines."""
    found = try_network(HEAD + text, **settings)
    assert isinstance(found, Network), found
    return found


def graph(text: str, **settings: object) -> Graph:
    """The graph of a spec without its first two lines."""
    return network(text, **settings).graph


def try_network(text: str, **settings: object) -> Network | list[str]:
    """The network of a whole spec, or its errors."""
    reporter = Reporter()
    spec = read_spec(Source("spec.yaml", text), reporter)
    if not isinstance(spec, Failed):
        found = elaborate_network(spec, Choices(settings=settings), reporter)
        if not isinstance(found, Failed) and not reporter.has_errors:
            return found
    return [f"{d.rule.slug}: {d.message}" for d in reporter.diagnostics]
