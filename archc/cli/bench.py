"""`archc bench`: how fast models start and run, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from archc.cli.measured import SizeOption, model_files, numbers, opened, sizes_of
from archc.cli.options import TableOrJson, seconds, whole_number
from archc.cli.report import SPEC_ERRORS, end_on_errors, print_json, show
from archc.cli.terminal import put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.measuring.feeds import Feeds
    from archc.measuring.fresh import Start
    from archc.measuring.latency import Latency
    from archc.runtime.model import Model

app = typer.Typer(rich_markup_mode=None, add_completion=False)


_Models: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...",
        help="Built models, of archc or of any other program; specs are built first.",
        show_default=False,
    ),
]
_Against: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--vs",
        metavar="OTHER",
        help="The model that the others are compared with.  [default: the first]",
    ),
]
_Batch: TypeAlias = Annotated[
    str, typer.Option("--batch", metavar="N,...", help="Samples in one run.")
]
_Threads: TypeAlias = Annotated[
    str, typer.Option("--threads", metavar="N,...", help="Threads that compute.")
]
_Runs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--runs",
        metavar="N",
        help="Rounds, in each of which every model runs for a moment.  [default: as many as there "
        "is time for]",
        parser=whole_number(1),
    ),
]
_Seconds: TypeAlias = Annotated[
    float,
    typer.Option(
        "--seconds",
        metavar="S",
        help="How long rounds go on, for each batch and number of threads.",
        parser=seconds,
    ),
]
_Starts: TypeAlias = Annotated[
    int,
    typer.Option(
        "--starts",
        metavar="N",
        help="Fresh processes of each model, for session start, first run and memory; with the "
        "first batch and the first number of threads.",
        parser=whole_number(0),
    ),
]


@app.command()
def bench(
    models: _Models,
    against: _Against = None,
    batch: _Batch = "1",
    threads: _Threads = "1",
    size: SizeOption = None,
    runs: _Runs = None,
    time: _Seconds = 10.0,
    starts: _Starts = 5,
    form: TableOrJson = "table",
) -> None:
    """Measure latency, session start and memory of models by runs in turn."""
    from archc.cli.bench_table import Measured, as_json, lines_of

    if against is not None and {*models} == {against}:
        message = f"`--vs {against}` is the one model that is measured: name another to compare"
        raise typer.BadParameter(message)
    names = [*models] if against is None else [*models, against]
    base = against if against is not None else (names[0] if len(set(names)) > 1 else None)
    batches, counts = numbers("--batch", batch), numbers("--threads", threads)
    settled = sizes_of(size)
    with model_files(names) as files:
        found = opened(files, counts[0])
        first = _feeds(found, batches[0], settled)
        _warn_of_other_sizes(first, batches[0])
        latencies: dict[tuple[int, int], Mapping[str, Latency]] = {}
        for count in counts:
            if count != counts[0]:
                found = opened(files, count)
            for samples in batches:
                feeds = _feeds(found, samples, settled)
                latencies[count, samples] = _latency(found, feeds, base, runs, time)
        sizes = {name: _size(path) for name, path in files.items()}
        inputs = {name: ", ".join(map(str, model.inputs)) for name, model in found.items()}
        del found  # their memory is needed
        fresh = _starts(files, first, base, starts, counts[0])
    measured = Measured(base, inputs, sizes, latencies, (counts[0], batches[0]), fresh)
    if form == "json":
        print_json(as_json(measured))
    else:
        for line in lines_of(measured):
            put(line)


def _feeds(
    models: Mapping[str, Model], batch: int, sizes: Mapping[str, int]
) -> Mapping[str, Feeds]:
    from archc.measuring.feeds import check_sizes, draw_feeds

    reporter = Reporter()
    check_sizes(list(models.values()), sizes, reporter)
    found: dict[str, Feeds] = {}
    for name, model in models.items():
        feeds = draw_feeds(model, batch, sizes, reporter)
        if not isinstance(feeds, Failed):
            found[name] = feeds
    end_on_errors(reporter)
    return found


def _latency(
    models: Mapping[str, Model],
    feeds: Mapping[str, Feeds],
    base: str | None,
    rounds: int | None,
    time: float,
) -> Mapping[str, Latency]:
    from functools import partial

    from archc.measuring.latency import measure_latency
    from archc.runtime.predict import predict

    reporter = Reporter()
    for name, model in models.items():  # a model that fails is told here, with its reason
        predict(model, feeds[name], reporter)
    end_on_errors(reporter)
    runs = {name: partial(model.session.run, None, feeds[name]) for name, model in models.items()}
    return measure_latency(runs, base, rounds=rounds, seconds=time)


def _starts(
    files: Mapping[str, Path],
    feeds: Mapping[str, Feeds],
    base: str | None,
    count: int,
    threads: int,
) -> Mapping[str, Start]:
    from archc.measuring.fresh import measure_starts

    if not count:
        return {}
    reporter = Reporter()
    wanted = {name: (path, feeds[name]) for name, path in files.items()}
    found = measure_starts(wanted, base, reporter, count=count, threads=threads)
    if isinstance(found, Failed):
        show(reporter.diagnostics)
        raise typer.Exit(SPEC_ERRORS)
    return found


def _warn_of_other_sizes(feeds: Mapping[str, Feeds], batch: int) -> None:
    """Warns where models take more numbers than others: they do not do the same work.

    The order of axes and the element type may differ.
    """
    sizes = {
        name: sum(array.size for array in taken.values()) // batch for name, taken in feeds.items()
    }
    if len({*sizes.values()}) > 1:
        listed = ", ".join(f"{visible(name)} {size:,}" for name, size in sizes.items())
        say("warning", f"the models take inputs of other sizes, in numbers a sample: {listed}")


def _size(path: Path) -> int:
    """The bytes of a model and of the files beside it that its weights are in."""
    from archc.onnx_io.external_files import external_files

    try:
        beside = external_files(path)
    except ValueError:  # a form of ONNX Runtime's own, which has all in one file
        beside = ()
    return sum(file.stat().st_size for file in (path, *beside) if file.is_file())
