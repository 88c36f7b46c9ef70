"""`archc validate`: checks specs, and says what each network is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from archc.cli.checked import Checked, as_json, lines_of
from archc.cli.options import AllOption, ReportFormat, SetOption, VariantOption, complete_spec
from archc.cli.report import SPEC_ERRORS, print_report
from archc.cli.settings import choices
from archc.cli.standard_input import NAME, read_standard_input
from archc.cli.terminal import put
from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archc.graph.graph import Graph
    from archc.pipeline.networks import Choices
    from archc.pipeline.reading import Spec

app = typer.Typer(rich_markup_mode=None, add_completion=False)

STANDARD_INPUT = "-"

_Specs: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC...",
        help="Spec files, folders of them, names of built-in specs or variants, or - for "
        "standard input.",
        autocompletion=complete_spec,
        show_default=False,
    ),
]
_StdinName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--stdin-name",
        metavar="PATH",
        help="What the spec on standard input is called; its imports are looked up beside it.",
        show_default=False,
    ),
]
_SkipOthers: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--skip-others", help="Pass over named files that are no specs, as folders' files are."
    ),
]
_Check: TypeAlias = Annotated[
    bool, typer.Option("--check", help="Check the ONNX form of each network as well.")
]


@app.command()
def validate(
    specs: _Specs,
    variant: VariantOption = None,
    settings: SetOption = None,
    form: ReportFormat = "text",
    is_all: AllOption = False,
    stdin_name: _StdinName = NAME,
    skip_others: _SkipOthers = False,
    check: _Check = False,
) -> None:
    """Check specs: the defaults and every variant, or the one that is named."""
    finding = Reporter()
    names = _named(specs, finding, skip_others=skip_others)
    found: dict[tuple[object, ...], Diagnostic] = {}
    _collect(finding.diagnostics, found)
    checked: list[Checked] = []
    for name in names:
        reporter = Reporter()
        chosen = choices(variant, settings, reporter)
        checked.append(_check(name, chosen, reporter, stdin_name))
        _collect(reporter.diagnostics, found)
        if check and checked[-1].is_valid:
            _check_form(checked[-1].graphs)
        if form == "text":
            for line in lines_of(checked[-1]):
                put(line)
    about = {"specs": [as_json(c) for c in checked]} if form == "json" else {}
    print_report(
        form, found.values(), about=about, context=_context(checked), is_all=is_all
    )  # fmt: skip
    if finding.has_errors or not all(c.is_valid for c in checked):
        raise typer.Exit(SPEC_ERRORS)


def _named(given: Iterable[str], reporter: Reporter, *, skip_others: bool) -> list[str]:
    """What is to be checked, each once: the specs of folders in the place of the folders."""
    names: list[str] = []
    for name in given:
        path = Path(name)
        if name == STANDARD_INPUT or not path.exists():
            names.append(name)
            continue
        from archc.pipeline.finding import is_spec, specs_in

        if path.is_dir():
            found = specs_in(path, reporter)
            names += () if isinstance(found, Failed) else map(str, found)
        elif not skip_others or is_spec(path):
            names.append(name)
    return list(dict.fromkeys(names))


def _check(name: str, chosen: Choices, reporter: Reporter, stdin_name: str) -> Checked:
    from archc.pipeline.networks import validate_spec
    from archc.pipeline.reading import load_spec

    shown, spec = name, _read(stdin_name, reporter) if name == STANDARD_INPUT else None
    if spec is None:
        spec = load_spec(name, reporter)
    else:
        shown = stdin_name
    if isinstance(spec, Failed):
        return Checked(shown, shown, None, (), is_valid=False)
    graphs = validate_spec(spec, chosen, reporter)
    blocks = len(spec.file.blocks) if spec.file.is_library else None
    return Checked(shown, spec.name, blocks, graphs, is_valid=not reporter.has_errors)


def _read(stdin_name: str, reporter: Reporter) -> Spec | Failed:
    from archc.pipeline.reading import read_spec

    source = read_standard_input(stdin_name, reporter)
    return source if isinstance(source, Failed) else read_spec(source, reporter)


def _check_form(graphs: tuple[Graph, ...]) -> None:
    from archc.pipeline.building import check_form

    for graph in graphs:
        check_form(graph)


def _collect(
    diagnostics: Iterable[Diagnostic], found: dict[tuple[object, ...], Diagnostic]
) -> None:
    """Adds what was found of a spec; a mistake in a file that several import is one."""
    for d in diagnostics:
        where = (d.span.file, *d.span[1:])
        found.setdefault((d.rule.slug, d.severity is Severity.ERROR, d.message, *where), d)


def _context(checked: list[Checked]) -> str:
    """In how many of several specs the errors are."""
    if len(checked) < 2:
        return ""
    wrong = sum(not c.is_valid for c in checked)
    return f"in {wrong} of {len(checked)} specs" if wrong else f"in {len(checked)} specs"
