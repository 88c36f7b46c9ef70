"""`archc validate`: checks specs, and says what each network is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from archc.cli.options import SetOption, TextOrJson, VariantOption, complete_spec
from archc.cli.report import SPEC_ERRORS, print_json, show
from archc.cli.settings import choices
from archc.cli.terminal import columns, put
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.graph.graph import Graph
    from archc.pipeline import Choices
    from archc.shapes.domain import Domain

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A spec that was checked: its blocks where it is a library, and the networks it gives."""

    spec: str
    name: str
    blocks: int | None
    graphs: tuple[Graph, ...]
    is_valid: bool


@app.command()
def validate(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...",
            help="Spec files, or names of built-in specs or variants.",
            autocompletion=complete_spec,
            show_default=False,
        ),
    ],
    variant: VariantOption = None,
    settings: SetOption = None,
    form: TextOrJson = "text",
    check: Annotated[
        bool, typer.Option("--check", help="Check the ONNX form of each network as well.")
    ] = False,
) -> None:
    """Check specs: the defaults and every variant, or the one that is named."""
    is_json = form == "json"
    together = Reporter()
    checked = []
    for spec in specs:
        reporter = Reporter()
        found = _check(spec, choices(variant, settings, reporter), reporter)
        checked.append(found)
        together.add(reporter.diagnostics)
        if check and found.is_valid:
            _check_form(found.graphs)
        if not is_json:
            for line in _lines(found):
                put(line)
            show(reporter.diagnostics)
    if is_json:
        print_json({"specs": [_as_json(c) for c in checked]}, together.diagnostics)
    if not all(c.is_valid for c in checked):
        raise typer.Exit(SPEC_ERRORS)


def _check(name: str, chosen: Choices, reporter: Reporter) -> _Checked:
    from archc.pipeline import load_spec, validate_spec

    spec = load_spec(name, reporter)
    if isinstance(spec, Failed):
        return _Checked(name, name, None, (), is_valid=False)
    graphs = validate_spec(spec, chosen, reporter)
    blocks = len(spec.file.blocks) if spec.file.is_library else None
    return _Checked(name, spec.name, blocks, graphs, is_valid=not reporter.has_errors)


def _check_form(graphs: tuple[Graph, ...]) -> None:
    from archc.pipeline import check_form

    for graph in graphs:
        check_form(graph)


def _lines(found: _Checked) -> list[str]:
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


def _as_json(found: _Checked) -> dict[str, object]:
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
