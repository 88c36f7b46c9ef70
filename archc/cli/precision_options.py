"""The options that say how numbers are rounded in a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from archc.cli.options import completing, number, one_of
from archc.quantization.options import KINDS, RANGES

_PANEL = "Eight and sixteen bits"

PrecisionOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="|".join(KINDS),
        help="In which precision the model computes.",
        parser=one_of(*KINDS),
        autocompletion=completing(*KINDS),
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
RangesOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--ranges",
        metavar="|".join(RANGES),
        help="How ranges are chosen; `auto` takes the way with the least noise on the samples.",
        parser=one_of(*RANGES),
        autocompletion=completing(*RANGES),
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
        parser=number(1, "from 0 to 1, such as 0.99"),
        rich_help_panel=_PANEL,
    ),
]
PortableOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--portable",
        help="Write none but ONNX's own operators in eight bits, hard swish and hard sigmoid as "
        "such, for runtimes other than ONNX Runtime.",
        rich_help_panel=_PANEL,
    ),
]
HalfIoOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--half-io",
        help="Let sixteen bits be what goes in and comes out as well.",
        rich_help_panel=_PANEL,
    ),
]
