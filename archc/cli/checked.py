"""What `archc validate` says of a spec that was checked: lines for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archc.cli.terminal import columns

if TYPE_CHECKING:
    from archc.graph.graph import Graph
    from archc.shapes.domain import Domain


class Checked(NamedTuple):
    """A spec that was checked: its blocks where it is a library, and the networks it gives."""

    spec: str
    name: str
    blocks: int | None
    graphs: tuple[Graph, ...]
    is_valid: bool


def lines_of(found: Checked) -> list[str]:
    """A line for each network, or one for a library."""
    from archc.analysis.cost import count_macs, count_parameters

    if found.is_valid and found.blocks is not None:
        count = f"{found.blocks} block{'s' * (found.blocks != 1)}"
        return [f"{found.name}: library, {count}"]
    rows = [
        (
            graph.variant or graph.name,
            f"{count_parameters(graph):,} parameters",
            f"{count_macs(graph):,} MACs",
            _sizes(graph),
        )
        for graph in found.graphs
    ]
    return columns(rows, "<>><")


def _sizes(graph: Graph) -> str:
    """At which sizes the multiply-accumulates are counted, and which sizes are admitted."""
    if not graph.domains:
        return ""
    at = ", ".join(f"{name} = {size}" for name, size in graph.sample_sizes.items())
    admitted = ", ".join(_admitted(name, domain) for name, domain in graph.domains.items())
    return f"at {at}; valid for {admitted}"


def _admitted(name: str, domain: Domain) -> str:
    text = f"{name} ≥ {domain.first}"
    if domain.most is not None:
        text = f"{domain.first} ≤ {name} ≤ {domain.most}"
    if domain.multiple_of > 1:
        rest = f" plus {domain.remainder}" if domain.remainder else ""
        text += f" in multiples of {domain.multiple_of}{rest}"
    return text


def as_json(found: Checked) -> dict[str, object]:
    """The same for programs; `report.schema.json` describes it."""
    from archc.analysis.cost import count_macs, count_parameters

    return {
        "spec": found.spec,
        "name": found.name,
        "is_valid": found.is_valid,
        "library_blocks": found.blocks,
        "networks": [
            {
                "variant": graph.variant,
                "parameters": count_parameters(graph),
                "macs": count_macs(graph),
                "sample_sizes": graph.sample_sizes,
                "sizes": {name: _domain_json(domain) for name, domain in graph.domains.items()},
            }
            for graph in found.graphs
        ],
    }


def _domain_json(domain: Domain) -> dict[str, int | None]:
    return {
        "min": domain.first,
        "max": domain.most,
        "multiple_of": domain.multiple_of,
        "remainder": domain.remainder,
    }
