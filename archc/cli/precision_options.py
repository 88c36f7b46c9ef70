"""The options that say how numbers are rounded in a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from archc.cli.options import completing, one_of

_PANEL = "Eight and sixteen bits"
_KINDS = ("fp32", "fp16", "int8")
_METHODS = ("auto", "minmax", "percentile", "mse")

PrecisionOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="|".join(_KINDS),
        help="In which precision the model computes.",
        parser=one_of(*_KINDS),
        autocompletion=completing(*_KINDS),
        rich_help_panel=_PANEL,
    ),
]
CalibrateOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--calibrate",
        metavar="FOLDER|FILE",
        help="Samples that the ranges of eight bits are chosen from: a folder of pictures, or an "
        "`.npz` file of inputs. One in four is held back to measure on.",
        rich_help_panel=_PANEL,
    ),
]
MethodOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--ranges",
        metavar="|".join(_METHODS),
        help="How ranges are chosen; `auto` takes what agrees best on the samples.",
        parser=one_of(*_METHODS),
        autocompletion=completing(*_METHODS),
        rich_help_panel=_PANEL,
    ),
]
MinAgreementOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--min-agreement",
        metavar="SHARE",
        help="The share of held-back samples whose class must stay the same; the layers that cost "
        "most are left in float until it is reached.",
        rich_help_panel=_PANEL,
    ),
]
PortableOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--portable",
        help="Keep hard swish and hard sigmoid as operators of their own in eight bits, for "
        "runtimes other than ONNX Runtime.",
        rich_help_panel=_PANEL,
    ),
]
HalfOutsideOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--half-io",
        help="Let sixteen bits be what goes in and comes out as well.",
        rich_help_panel=_PANEL,
    ),
]
