"""The arguments and options that several commands take, and how options are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from archc.diagnostics.nearest import nearest


def complete_spec(incomplete: str) -> list[str]:
    """The built-in specs and variants, and the spec files, that begin like this."""
    from archc.language.library import zoo_specs, zoo_variants

    files = [str(path) for path in Path().glob(f"{incomplete}*.y*ml")] if incomplete else []
    names = (*files, *zoo_variants(), *zoo_specs())
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def seconds(text: str) -> float:
    """A time above 0, in seconds.

    Raises:
        typer.BadParameter: the text is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"it is a number of seconds above 0, not `{text}`")
    return number


def whole_number(least: int) -> Callable[[str], int]:
    """What reads a whole number of at least `least`; it raises `typer.BadParameter`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            message = f"it is a whole number of at least {least}, not `{text}`"
            raise typer.BadParameter(message)
        return number

    return read


def number(most: float, wanted: str) -> Callable[[str], float]:
    """What reads a finite number from 0 to `most`, told as `wanted`, or `typer.BadParameter`."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = -1.0
        if not 0 <= found <= most or found == float("inf"):
            raise typer.BadParameter(f"it is a number {wanted}, not `{text}`")
        return found

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """What reads one of some words; it raises `typer.BadParameter`."""

    def read(text: str) -> str:
        if text in choices:
            return text
        near = nearest(text, choices)
        hint = f": did you mean `{near}`?" if near else ""
        listed = ", ".join(f"`{choice}`" for choice in choices)
        raise typer.BadParameter(f"it is one of {listed}, not `{text}`{hint}")

    return read


def completing(*choices: str) -> Callable[[str], list[str]]:
    """What completes one of some words."""
    return lambda incomplete: [choice for choice in choices if choice.startswith(incomplete)]


SpecArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help="A spec file, or the name of a built-in spec or variant.",
        autocompletion=complete_spec,
        show_default=False,
    ),
]
VariantOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--variant", metavar="NAME", help="One of the spec's variants."),
]
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter, or a symbolic size; VALUE is YAML. May be given several times.",
    ),
]
TextOrJson: TypeAlias = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="text|json",
        help="For people or for programs.",
        parser=one_of("text", "json"),
        autocompletion=completing("text", "json"),
    ),
]
ReportFormat: TypeAlias = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="text|json|sarif|github",
        help="For people, for programs, for code scanning, or as annotations of a workflow.",
        parser=one_of("text", "json", "sarif", "github"),
        autocompletion=completing("text", "json", "sarif", "github"),
    ),
]
AllOption: TypeAlias = Annotated[
    bool, typer.Option("--all", help="Show everything that was found, not the first 20 alone.")
]
TableOrJson: TypeAlias = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="table|json",
        help="For people or for programs.",
        parser=one_of("table", "json"),
        autocompletion=completing("table", "json"),
    ),
]
TableFormat: TypeAlias = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="table|json|csv",
        help="For people, for programs or for spreadsheets.",
        parser=one_of("table", "json", "csv"),
        autocompletion=completing("table", "json", "csv"),
    ),
]
