"""The options that say how a checkpoint is matched with a network whose names differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from archc.cli.options import completing, one_of
from archc.matching.options import MODES

_PANEL = "Where the checkpoint does not fit"

MatchOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--match",
        metavar="|".join(MODES),
        help="By names as they are, by the spec's rules for them, or by structure where names "
        "differ; what several tensors fit is never guessed.",
        parser=one_of(*MODES),
        autocompletion=completing(*MODES),
        rich_help_panel=_PANEL,
    ),
]
MappingOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="Bind exactly as this mapping file says; `archc weights match -o` writes one.",
        rich_help_panel=_PANEL,
    ),
]
ByOrderOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--by-order",
        help="Take the file's order for the network's where nothing else tells layers apart.",
        rich_help_panel=_PANEL,
    ),
]
