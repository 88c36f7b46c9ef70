"""`archc list`: the built-in specs, their variants and what they say of themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from archc.cli.options import TableOrJson
from archc.cli.report import end_on_errors, print_json
from archc.cli.terminal import columns, put, width_of
from archc.language.library import variant_name, zoo_specs

if TYPE_CHECKING:
    from archc.pipeline.reading import Spec

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def list_specs(
    form: TableOrJson = "table",
) -> None:
    """List the built-in specs and their variants."""
    from archc.diagnostics.reporter import Failed, Reporter
    from archc.pipeline.reading import load_spec

    reporter = Reporter()
    loaded = {name: load_spec(name, reporter) for name in zoo_specs()}
    specs = {name: spec for name, spec in loaded.items() if not isinstance(spec, Failed)}
    end_on_errors(reporter)
    if form == "json":
        print_json({"specs": [_as_json(name, spec) for name, spec in specs.items()]})
        return
    rows = [("spec", "description")]
    for name, spec in specs.items():
        rows += _rows(name, spec)
    width = width_of(sys.stdout) if sys.stdout.isatty() else None
    for line in columns(rows, "<<", width=width):
        put(line)


def _rows(name: str, spec: Spec) -> list[tuple[str, str]]:
    if spec.file.is_library:
        return [(f"{name} (library)", spec.description)]
    descriptions = {
        variant_name(name, variant.name): variant.description
        for variant in spec.file.variants.values()
    }
    own = (name, spec.description)
    return [own, *((f"  {v}", text) for v, text in descriptions.items() if v != name)]


def _as_json(name: str, spec: Spec) -> dict[str, object]:
    return {
        "name": name,
        "description": spec.description,
        "is_library": spec.file.is_library,
        "variants": [
            {"name": variant_name(name, variant.name), "description": variant.description}
            for variant in spec.file.variants.values()
        ],
    }
