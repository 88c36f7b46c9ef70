"""`archc fmt`: specs in their canonical form."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer

from archc.cli.options import AllOption
from archc.cli.report import SPEC_ERRORS, print_report
from archc.cli.standard_input import NAME, read_standard_input
from archc.cli.terminal import put, put_aside
from archc.diagnostics.reporter import FAILED, Failed, Reporter

if TYPE_CHECKING:
    from archc.diagnostics.place import Source

app = typer.Typer(rich_markup_mode=None, add_completion=False)

STANDARD_INPUT = "-"

_Paths: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Spec files, folders of them, or - for standard input, which goes to standard output.",
        show_default=False,
    ),
]
_Check: TypeAlias = Annotated[
    bool, typer.Option("--check", help="Write nothing; the exit status is 1 where a file differs.")
]
_Diff: TypeAlias = Annotated[
    bool, typer.Option("--diff", help="Write nothing; show what would change.")
]
_SkipOthers: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--skip-others", help="Pass over named files that are no specs, as folders' files are."
    ),
]
_StdinName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--stdin-name",
        metavar="PATH",
        help="What the spec on standard input is called.",
        show_default=False,
    ),
]


class _File(NamedTuple):
    """A text as it stands and in its canonical form; without a path, on standard input."""

    name: str
    path: Path | None
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


@app.command()
def fmt(
    paths: _Paths,
    check: _Check = False,
    diff: _Diff = False,
    is_all: AllOption = False,
    skip_others: _SkipOthers = False,
    stdin_name: _StdinName = NAME,
) -> None:
    """Format specs: white space and quotes in one form; comments, order and meaning stay.

    Two blanks a level, lines of at most 120 columns, no more quotes than needed. Columns that are
    aligned stay aligned.
    """
    reporter = Reporter()
    found = [
        _formatted(name, stdin_name, reporter) for name in _named(paths, reporter, skip_others)
    ]
    files = [file for file in found if not isinstance(file, Failed)]
    for file in files:
        if diff:
            sys.stdout.writelines(_diff(file))
        elif check:
            _say("would change", file)
        else:
            _write(file, reporter)
    print_report("text", reporter.diagnostics, is_all=is_all)
    differs = (check or diff) and any(file.is_changed for file in files)
    if reporter.has_errors or differs:
        raise typer.Exit(SPEC_ERRORS)


def _named(given: Iterable[str], reporter: Reporter, skip_others: bool) -> list[str]:
    """The files that are meant, each once: the specs of folders in the place of the folders."""
    from archc.pipeline.finding import is_spec, specs_in

    names: list[str] = []
    for name in given:
        path = Path(name)
        if name != STANDARD_INPUT and path.is_dir():
            found = specs_in(path, reporter)
            names += () if isinstance(found, Failed) else map(str, found)
        elif name == STANDARD_INPUT or not skip_others or is_spec(path):
            names.append(name)
    return list(dict.fromkeys(names))


def _formatted(name: str, stdin_name: str, reporter: Reporter) -> _File | Failed:
    from archc.editor.format import format_text

    path = None if name == STANDARD_INPUT else Path(name)
    source = read_standard_input(stdin_name, reporter) if path is None else _read(path, reporter)
    if isinstance(source, Failed):
        return FAILED
    text = format_text(source, reporter)
    if isinstance(text, Failed):
        return FAILED
    # The source's line ends are those of Unix already, and a byte order mark is gone from it.
    before = source.text if path is None else path.read_bytes().decode()
    return _File(source.name, path, before, text)


def _read(path: Path, reporter: Reporter) -> Source | Failed:
    from archc.language.library import is_file, not_found, nowhere, read_source

    place = nowhere(str(path))
    if not path.exists() and not is_file(path):
        return not_found(str(path), place, reporter)
    return read_source(path, place, reporter)


def _diff(file: _File) -> list[str]:
    lines = (file.before.splitlines(keepends=True), file.after.splitlines(keepends=True))
    marked = unified_diff(*lines, file.name, file.name)
    return [line if line.endswith("\n") else f"{line}\n" for line in marked]


def _write(file: _File, reporter: Reporter) -> None:
    if file.path is None:
        sys.stdout.write(file.after)
    elif file.is_changed and _replaced(file.path, file.after, reporter):
        _say("formatted", file)


def _say(what: str, file: _File) -> None:
    if file.is_changed:
        line = f"{what} {file.name}"
        put_aside(line) if file.path is None else put(line)


def _replaced(path: Path, text: str, reporter: Reporter) -> bool:
    """Whether a file got its new text, at once and with its permissions; links stay links."""
    from archc.language.library import nowhere
    from archc.onnx_io.atomic import OUTPUT, NewFile, unwritten

    target = path.resolve()
    try:
        with NewFile(target) as new:
            new.file.write(text.encode())
            os.fchmod(new.file.fileno(), stat.S_IMODE(target.stat().st_mode))
            new.keep()
    except OSError as error:
        message, helps = unwritten(error, target)
        reporter.error(OUTPUT, message, nowhere(str(path)), helps=helps)
        return False
    return True
