"""The options of `archc build` that say what to do where a checkpoint does not fit the spec."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from archc.cli.options import completing, one_of
from archc.weights.policies import HEADS, STEMS

_PANEL = "Where the checkpoint does not fit"

HeadOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="|".join(HEADS),
        help="Another number of classes: draw the last layers anew, leave them out so that "
        "features come out, or take the first classes.",
        parser=one_of(*HEADS),
        autocompletion=completing(*HEADS),
        rich_help_panel=_PANEL,
    ),
]
StemOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--stem",
        metavar="|".join(STEMS),
        help="Another number of input channels: add the first kernels up to one, repeat them to "
        "more, or draw them anew.",
        parser=one_of(*STEMS),
        autocompletion=completing(*STEMS),
        rich_help_panel=_PANEL,
    ),
]
PrefixOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--prefix",
        metavar="TEXT",
        help="Take this off the keys that begin with it.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
EmaOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--ema",
        help="Take the averaged copy of the weights in the checkpoint.",
        rich_help_panel=_PANEL,
    ),
]
AllowMissingOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-missing",
        metavar="PATTERN",
        help="Draw the weights of this form that the checkpoint lacks. May be given several times.",
        rich_help_panel=_PANEL,
    ),
]
IgnoreOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="PATTERN",
        help="Leave out what the checkpoint has under names of this form. May be given several "
        "times.",
        rich_help_panel=_PANEL,
    ),
]
