"""`archc weights`: a group of commands on files of weights, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import typer

from archc.cli.app import CommandGroup


class WeightsGroup(CommandGroup):
    """The commands on files of weights."""

    modules: ClassVar[Mapping[str, str]] = {
        "inspect": "weights_inspect",
        "diff": "weights_diff",
        "match": "weights_match",
        "convert": "weights_convert",
        "extract": "weights_extract",
        "swap": "weights_swap",
    }
    """The module of each command, in the order of the help."""


app = typer.Typer(cls=WeightsGroup, rich_markup_mode=None)


@app.callback()
def weights() -> None:
    """Look at checkpoints, compare, convert and match them; exchange the weights of a model."""
