"""`archc profile`: where a model's time goes, by the layers of its spec."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from archc.cli.measured import SizeOption, model_files, opened, sizes_of
from archc.cli.options import AllOption, TableOrJson, whole_number
from archc.cli.report import SHOWN, SPEC_ERRORS, end_on_errors, print_json, show
from archc.cli.terminal import columns, put, width_of
from archc.diagnostics.cells import visible
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.measuring.profile import LayerTime, Profile

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def profile(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A built model, of archc or of any other program; a spec is built first.",
            show_default=False,
        ),
    ],
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth",
            metavar="N",
            help="Group layers by the first N parts of their names.",
            parser=whole_number(1),
        ),
    ] = None,
    batch: Annotated[
        int,
        typer.Option("--batch", metavar="N", help="Samples in one run.", parser=whole_number(1)),
    ] = 1,
    threads: Annotated[
        int,
        typer.Option(
            "--threads", metavar="N", help="Threads that compute.", parser=whole_number(1)
        ),
    ] = 1,
    size: SizeOption = None,
    runs: Annotated[
        int,
        typer.Option("--runs", metavar="N", help="Runs to measure.", parser=whole_number(1)),
    ] = 20,
    form: TableOrJson = "table",
    is_all: AllOption = False,
) -> None:
    """Show what each layer of a model costs in ONNX Runtime, the slowest first."""
    from archc.measuring.feeds import check_sizes, draw_feeds
    from archc.measuring.profile import profile_model

    settled = sizes_of(size)
    with model_files([model]) as files:
        found = opened(files, threads)[model]
        reporter = Reporter()
        check_sizes([found], settled, reporter)
        feeds = draw_feeds(found, batch, settled, reporter)
        end_on_errors(reporter)
        if isinstance(feeds, Failed):
            raise typer.Exit(SPEC_ERRORS)
        made = profile_model(found, feeds, reporter, threads=threads, runs=runs, depth=depth)
    if isinstance(made, Failed):
        show(reporter.diagnostics)
        raise typer.Exit(SPEC_ERRORS)
    if form == "json":
        print_json({"model": model, "batch": batch, **as_json(made)})
    else:
        for line in lines_of(made, None if is_all else SHOWN):
            put(line)


_HEAD = ("layer", "ms", "share", "MMACs", "of peak", "MB", "operators, and layers in them")


def lines_of(made: Profile, limit: int | None) -> Iterator[str]:
    """The lines of the table, and what it adds up to."""
    shown = made.layers[:limit]
    width = width_of(sys.stdout) if sys.stdout.isatty() else None
    rows = [_HEAD, *(_cells(made, layer) for layer in shown)]
    yield from columns(rows, "<>>>>><", width=width)
    rest = made.layers[len(shown) :]
    if rest:
        seconds = sum(layer.seconds for layer in rest)
        yield f"and {len(rest)} more with {1000 * seconds:.3f} ms; `--all` shows every one"
    macs = sum(layer.macs for layer in made.layers)
    share = made.peak_share(macs, made.kernel_seconds)
    yield ""
    yield (
        f"{1000 * made.kernel_seconds:.3f} ms in layers, {1000 * made.run_seconds:.3f} ms a run "
        f"(medians of {made.runs}, {made.threads} thread{'s' if made.threads > 1 else ''})"
    )
    yield (
        f"{macs / 1e6:,.1f} MMACs, {_percent(share) or 'none'} of the peak: this machine's best in "
        f"float32 is {made.peak_macs_per_second / 1e9:.1f} GMAC/s, measured with a product of "
        "matrices and a convolution"
    )


def _cells(made: Profile, layer: LayerTime) -> tuple[str, ...]:
    operators = ", ".join(
        op if count == 1 else f"{count} {op}" for op, count in layer.operators.items()
    )
    inside = f" + {', '.join(layer.fused)}" if layer.fused else ""
    return (
        visible(layer.name),
        f"{1000 * layer.seconds:.3f}",
        _percent(layer.seconds / made.kernel_seconds if made.kernel_seconds else None),
        f"{layer.macs / 1e6:.1f}" if layer.macs else "",
        _percent(made.peak_share(layer.macs, layer.seconds)),
        f"{layer.bytes / 1e6:.2f}",
        visible(operators + inside),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def as_json(made: Profile) -> dict[str, object]:
    """The document without its version and the model's name.

    `layers` stand in the order of the table, each with `name`, `seconds`, `share`, `macs`,
    `peak_share` (null where nothing is multiplied), `bytes`, `operators` by how often they run, and
    the further layers that it has taken in as `fused`.
    """
    total = made.kernel_seconds
    return {
        "threads": made.threads,
        "runs": made.runs,
        "run_seconds": made.run_seconds,
        "layers_seconds": total,
        "peak_macs_per_second": made.peak_macs_per_second,
        "layers": [
            {
                "name": layer.name,
                "seconds": layer.seconds,
                "share": layer.seconds / total if total else None,
                "macs": layer.macs,
                "peak_share": made.peak_share(layer.macs, layer.seconds),
                "bytes": layer.bytes,
                "operators": dict(layer.operators),
                "fused": list(layer.fused),
            }
            for layer in made.layers
        ],
    }
