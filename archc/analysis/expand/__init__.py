"""An elaborated network as a spec again: no parameters or loops, and every default filled in.

The spec that comes out gives the same layers under the same names, with the same arguments, types
and weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archc.analysis.cost import count_macs, count_parameters
from archc.analysis.expand.lookup import HiddenError, unused_name
from archc.analysis.expand.spec_text import Block, Flow, document
from archc.analysis.expand.writer import Writer
from archc.diagnostics.errors import InternalError
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph, Input, ValueId
from archc.language.spec import LANGUAGE_VERSION
from archc.language.tree import Mapping as MappingTree
from archc.language.tree import Scalar, Tree
from archc.shapes.domain import Domain
from archc.shapes.size import Size


def expand(
    graph: Graph,
    reporter: Reporter,
    *,
    description: str = "",
    preprocess: Mapping[str, object] | None = None,
    labels: Sequence[str] = (),
    weights: Tree | None = None,
    head: Sequence[str] = (),
) -> str | Failed:
    """The text of a spec that elaborates to the network.

    Args:
        graph: the network.
        reporter: told what cannot be written.
        description: what the spec says of itself.
        preprocess: the steps from a picture to the first input, by name; None ones are left out.
        labels: the names of the classes.
        weights: the rules for checkpoints, as written.
        head: lines of comment to begin with.

    Reports: expand/weights-left-out, expand/size-not-found.
    """
    network = _network(graph, reporter)
    if isinstance(network, Failed):
        return network
    sections: dict[str, Block] = {"archc": Flow(LANGUAGE_VERSION), "name": Flow(graph.name)}
    if description:
        sections["description"] = Flow(description)
    sections["input"] = {entry.name: Flow(_input(entry, graph)) for entry in graph.inputs}
    if preprocess is not None:
        steps = {name: value for name, value in preprocess.items() if value is not None}
        sections["preprocess"] = Flow(steps)
    sections |= network
    if labels:
        sections["labels"] = [Flow(label) for label in labels]
    if weights is not None:
        sections["weights"] = Flow(_verbatim(weights))
    sections["expect"] = Flow(_expectations(graph))
    return document(head, sections)


def _network(graph: Graph, reporter: Reporter) -> dict[str, Block] | Failed:
    """The sections `blocks`, `layers` and `outputs`.

    A value that no path means where it is wanted gets a further name, and all is written again.
    """
    renamed: dict[ValueId, str] = {}
    while True:
        writer = Writer(graph, reporter, renamed)
        try:
            layers, outputs = writer.layers(), writer.outputs()
        except HiddenError as hidden:
            if hidden.value in renamed:
                raise InternalError("a value is wanted before it is there") from hidden
            renamed[hidden.value] = unused_name(graph, f"outer_{len(renamed)}")
            continue
        blocks: dict[str, Block] = {"blocks": writer.blocks} if writer.blocks else {}
        return writer.failed or {**blocks, "layers": layers, "outputs": outputs}


def _input(entry: Input, graph: Graph) -> dict[str, object]:
    sizes = [_size(size) for size in entry.type.sizes]
    symbols = dict.fromkeys(size for size in sizes if isinstance(size, str))
    written: dict[str, object] = {
        "shape": sizes,
        "layout": "nhwc" if entry.nhwc else "nchw",
        "dtype": entry.dtype.value,
    }
    if symbols:
        written["where"] = {s: _where(graph.domains[s], graph.defaults.get(s)) for s in symbols}
    return written


def _size(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size)


def _where(domain: Domain, default: int | None) -> dict[str, int]:
    values = {
        "min": domain.least,
        "max": domain.most,
        "multiple_of": domain.multiple_of,
        "remainder": domain.remainder,
        "default": default,
    }
    return {name: value for name, value in values.items() if value is not None}


def _verbatim(tree: Tree) -> object:
    """A part of a spec as it is written; what stands there are texts."""
    if isinstance(tree, Scalar):
        return tree.text
    if isinstance(tree, MappingTree):
        return {entry.key.text: _verbatim(entry.value) for entry in tree}
    return [_verbatim(item) for item in tree.items]


def _expectations(graph: Graph) -> dict[str, object]:
    outputs = {
        output.name: [_size(size) for size in graph.type_of(output.value).sizes]
        for output in graph.outputs
    }
    return {
        "parameters": count_parameters(graph),
        "macs": count_macs(graph),
        "outputs": outputs,
    }
