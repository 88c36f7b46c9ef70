"""The arguments and options of `archc call`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from archc.cli.options import seconds, whole_number

UrlArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="`http://HOST:PORT` or `grpc://HOST:PORT`, with `/v2/models/NAME` or without.",
        show_default=False,
    ),
]
ImagesArgument: TypeAlias = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="Image files.", show_default=False)
]
ModelOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="The model, where several take pictures."),
]
VersionOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--version", metavar="V", help="Its version, instead of the server's choice."),
]
OutputOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--output", metavar="NAME", help="The output that has the class scores."),
]
EncodedOption: TypeAlias = Annotated[
    bool, typer.Option("--encoded", help="Send the files; the server decodes and prepares.")
]
LikeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="PACKAGE|MODEL|SPEC",
        help="Prepare pictures, and name classes, as this does.  [default: as the server says]",
    ),
]
TopOption: TypeAlias = Annotated[
    int,
    typer.Option("--top", metavar="K", help="How many classes are named.", parser=whole_number(1)),
]
TimeoutOption: TypeAlias = Annotated[
    float,
    typer.Option(
        "--timeout", metavar="SECONDS", help="How long an answer may take.", parser=seconds
    ),
]
HeaderOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'K: V'", help="A header for gateways. Repeatable."),
]
AnswersOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--answers",
        metavar="FILE.npz",
        help="Write what was sent and all outputs, as `archc verify` reads them.",
    ),
]
