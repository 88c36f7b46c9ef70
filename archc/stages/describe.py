"""Describe: what a built model says of itself, as the properties in its file.

Input: a bound graph, and what the spec says beside its layers. Output: the properties, which
`archc.runtime.metadata` reads back. Afterwards: whoever holds the file can prepare pictures for
it, name its classes, and trace it to its spec; the weights' digest is added when they are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from pydantic import JsonValue, TypeAdapter

from archc.graph.graph import BoundGraph, Graph
from archc.language.spec import SpecFile
from archc.runtime.metadata import ModelRecord, PolicyRecord, format_metadata
from archc.runtime.model_input import Admitted, ModelInput
from archc.runtime.preprocess import Preprocess
from archc.version import __version__


def properties(
    bound: BoundGraph, spec: SpecFile, preprocess: Preprocess | None, labels: tuple[str, ...]
) -> dict[str, str]:
    """The properties of the model of a bound graph."""
    graph = bound.graph
    record = ModelRecord(
        version=__version__,
        spec=graph.name,
        spec_digest=spec_digest(spec),
        variant=graph.variant,
        parameters=_values(graph.parameters),
        preprocess=preprocess,
        labels=labels,
        is_trained=bound.is_trained,
        seed=bound.seed,
        probabilities=frozenset(_probabilities(graph)),
        inputs=_inputs(graph),
        policies=tuple(PolicyRecord(p.policy, p.choice, p.names) for p in bound.policies),
    )
    return format_metadata(record)


def _values(parameters: Mapping[str, object]) -> dict[str, JsonValue]:
    adapter: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
    return adapter.validate_python({name: _listed(v) for name, v in parameters.items()})


def _listed(value: object) -> object:
    if isinstance(value, dict):
        return {name: _listed(v) for name, v in value.items()}
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def _inputs(graph: Graph) -> tuple[ModelInput, ...]:
    where = {
        name: Admitted(d.first, d.multiple_of, d.remainder, graph.defaults.get(name))
        for name, d in graph.domains.items()
    }
    return tuple(
        ModelInput(
            entry.name,
            tuple(s if isinstance(s, int) else str(s) for s in entry.type.sizes),
            entry.dtype,
            entry.nhwc,
            {str(s): where[str(s)] for s in entry.type.sizes if str(s) in where},
        )
        for entry in graph.inputs
    )


def _probabilities(graph: Graph) -> Iterator[str]:
    """The outputs that are probabilities: softmax's, whatever does nothing after it."""
    for output in graph.outputs:
        node = graph.node_of(output.value)
        while node is not None and node.layer.is_inert:
            node = graph.node_of(node.inputs[0])
        if node is not None and node.layer.is_probability:
            yield output.name


def spec_digest(spec: SpecFile) -> str:
    """SHA-256 over the texts of a spec and of all that it imports, in the order imported."""
    digest = hashlib.sha256()
    for file in spec.all_files():
        text = file.source.text.encode()
        digest.update(f"{len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()
