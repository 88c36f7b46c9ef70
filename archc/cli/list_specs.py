"""`archc list`: the built-in specs, their variants and what they say of themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from archc.cli.options import TableOrJson
from archc.cli.report import end_on_errors, print_json
from archc.cli.terminal import columns, put, width_of

if TYPE_CHECKING:
    from archc.pipeline import Spec

app = typer.Typer(rich_markup_mode=None)


@app.command()
def list_specs(
    form: TableOrJson = "table",
) -> None:
    """List the built-in specs and their variants."""
    from archc.diagnostics.reporter import Failed, Reporter
    from archc.language.library import zoo_specs
    from archc.pipeline import load_spec

    reporter = Reporter()
    loaded = {name: load_spec(name, reporter) for name in zoo_specs()}
    specs = {name: spec for name, spec in loaded.items() if not isinstance(spec, Failed)}
    end_on_errors(reporter)
    if form == "json":
        print_json({"specs": [_as_json(name, spec) for name, spec in specs.items()]})
        return
    rows = [("spec", "variants", "description")]
    for name, spec in specs.items():
        rows += _rows(name, spec)
    width = width_of(sys.stdout) if sys.stdout.isatty() else None
    for line in columns(rows, "<<<", width=width):
        put(line)


def _rows(name: str, spec: Spec) -> list[tuple[str, str, str]]:
    if spec.file.is_library:
        return [(name, "(library)", spec.description)]
    variants = [v for v in spec.variants if v != name]
    descriptions = {v: spec.file.variants[v].description for v in variants}
    first = (name, "", spec.description)
    return [first, *(("", variant, descriptions[variant]) for variant in variants)]


def _as_json(name: str, spec: Spec) -> dict[str, object]:
    return {
        "name": name,
        "description": spec.description,
        "is_library": spec.file.is_library,
        "variants": [
            {"name": variant.name, "description": variant.description}
            for variant in spec.file.variants.values()
        ],
    }
