"""`archc score`: many pictures to predictions or features, in one table."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from archc.cli.options import completing, one_of, whole_number
from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.cli.run import preprocess_of
from archc.cli.terminal import put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.reporter import FAILED, Failed, Reporter

if TYPE_CHECKING:
    from archc.runtime.preprocess import Preprocess
    from archc.scoring.job import Summary, Threads
    from archc.scoring.ray_engine import Actors

TOP = 5

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_Out: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The table: .parquet, or .jsonl or .csv for predictions.",
        show_default=False,
    ),
]
_Features: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="LAYER",
        help="Keep what this layer or output gives, in place of predictions.",
        show_default=False,
    ),
]
_Top: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--top",
        metavar="K",
        help=f"How many classes of each picture are kept.  [default: {TOP}; none with --features]",
        show_default=False,
        parser=whole_number(1),
    ),
]
_Logits: TypeAlias = Annotated[
    bool, typer.Option("--logits", help="Keep the scores of all classes as well, as they are.")
]
_Batch: TypeAlias = Annotated[
    int,
    typer.Option(
        "--batch", metavar="N", help="Pictures of one run of the model.", parser=whole_number(1)
    ),
]
_Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="T",
        help="Threads that run the model.  [default: the processors; 1 in each actor of ray]",
        show_default=False,
        parser=whole_number(1),
    ),
]
_Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="W",
        help="Threads that read pictures, or actors of ray.  [default: the processors; 2 actors]",
        show_default=False,
        parser=whole_number(1),
    ),
]
_Engine: TypeAlias = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="local|ray",
        help="This process, or actors of Ray Data.",
        parser=one_of("local", "ray"),
        autocompletion=completing("local", "ray"),
    ),
]
_Address: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="A",
        help="The cluster of ray: auto, or ray://HOST:PORT.  [default: one on this machine alone]",
        show_default=False,
    ),
]


_Model: TypeAlias = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A built model.", show_default=False)
]
_Images: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES...",
        help="Files, folders, @LIST for a file with one path a line, - for such a list on "
        "standard input.",
        show_default=False,
    ),
]
_Restart: TypeAlias = Annotated[
    bool, typer.Option("--restart", help="Throw away what an interrupted run has done.")
]


@app.command()
def score(
    model: _Model,
    images: _Images,
    output: _Out,
    features: _Features = None,
    top: _Top = None,
    logits: _Logits = False,
    batch: _Batch = 8,
    threads: _Threads = None,
    workers: _Workers = None,
    engine: _Engine = "local",
    address: _Address = None,
    restart: _Restart = False,
) -> None:
    """Score many pictures into a table; an interrupted run goes on where it stopped.

    A picture that is broken is a row with its error. The exit status is 1 where all of them are.
    """
    from archc.scoring.job import score as score_all
    from archc.scoring.plan import Plan

    if address is not None and engine != "ray":
        raise typer.BadParameter("`--address` goes with `--engine ray`")
    reporter = Reporter()
    paths = _pictures(images, reporter)
    steps = _steps(model, reporter)
    end_on_errors(reporter)
    if isinstance(paths, Failed) or isinstance(steps, Failed):
        raise typer.Exit(SPEC_ERRORS)
    if top is None:
        top = TOP if features is None else 0
    plan = Plan(model.absolute(), steps, top, logits, features, batch)
    with Progress(f"scoring to {output.name}", _as_pictures) as progress:
        try:
            found = score_all(
                plan,
                paths,
                output,
                _engine(engine, threads, workers, address),
                reporter,
                restart=restart,
                progress=progress,
            )
        except (KeyboardInterrupt, SystemExit):
            progress.clear()
            say("note", "what was scored is kept: the same command goes on where this one stopped")
            raise
    end_on_errors(reporter)
    if isinstance(found, Failed):
        raise typer.Exit(SPEC_ERRORS)
    _report(output, found)


def _pictures(images: list[str], reporter: Reporter) -> tuple[str, ...] | Failed:
    from archc.scoring.listing import list_pictures

    return list_pictures(images, sys.stdin.buffer, reporter)


def _steps(path: Path, reporter: Reporter) -> Preprocess | Failed:
    from archc.runtime.model import open_model

    model = open_model(path, reporter)
    return FAILED if isinstance(model, Failed) else preprocess_of(model)


def _engine(
    engine: str, threads: int | None, workers: int | None, address: str | None
) -> Threads | Actors:
    from archc.scoring.job import Threads
    from archc.scoring.ray_engine import Actors

    if engine == "ray":
        return Actors(workers or Actors().number, threads or Actors().threads, address)
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    processors = processors or os.cpu_count() or 1
    return Threads(threads or processors, workers or processors)


def _report(output: Path, found: Summary) -> None:
    if found.resumed:
        say("note", f"{_as_pictures(found.resumed)} were scored by a run before this one")
    if found.first_error is not None:
        row, error = found.first_error
        say("warning", f"{found.broken:,} of {_as_pictures(found.pictures)} have no answer")
        say("note", f"row {row}: {visible(error)}")
    put(f"{visible(str(output))}: {_as_pictures(found.pictures)}, {found.broken:,} broken")
    if found.broken == found.pictures:
        raise typer.Exit(SPEC_ERRORS)


def _as_pictures(count: int) -> str:
    return f"{count:,} picture{'' if count == 1 else 's'}"
