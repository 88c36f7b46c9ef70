"""The arguments and options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


def complete_spec(incomplete: str) -> list[str]:
    """The built-in specs and variants, and the spec files, that begin like this."""
    from archc.language.library import zoo_specs, zoo_variants

    files = [str(path) for path in Path().glob(f"{incomplete}*.y*ml")] if incomplete else []
    names = (*files, *zoo_variants(), *zoo_specs())
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


class TextOrJson(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"


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
FormatOption: TypeAlias = Annotated[
    TextOrJson, typer.Option("--format", help="For people or for programs.")
]
