"""`archc build`: compiles a spec and a checkpoint to an ONNX model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple, TypeAlias

import typer

from archc.cli.match_options import ByOrderOption, MappingOption, MatchOption
from archc.cli.options import SetOption, SpecArgument, VariantOption, one_of, whole_number
from archc.cli.policy_options import (
    AllowMissingOption,
    EmaOption,
    HeadOption,
    IgnoreOption,
    PrefixOption,
    StemOption,
)
from archc.cli.precision_options import (
    CalibrateOption,
    HalfIoOption,
    MinAgreementOption,
    PortableOption,
    PrecisionOption,
    RangesOption,
)
from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors, show
from archc.cli.settings import choices
from archc.cli.terminal import put, put_aside, say
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.pipeline.building import BuildResult
    from archc.pipeline.networks import Choices
    from archc.pipeline.precision import Precision
    from archc.weights.policies import WeightPolicies

app = typer.Typer(rich_markup_mode=None, add_completion=False)

STANDARD_OUTPUT = "-"


_Out: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The model's file, its folder, or - for standard output.  [default: NAME.onnx]",
        show_default=False,
    ),
]
_Weights: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="FILE",
        help="A checkpoint: safetensors, torch, numpy, Keras, an ONNX model; a folder or an index "
        "of shards. Without one, weights are random.",
    ),
]
_Outputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="NAME=PATH",
        help="Give this layer's output instead of the spec's outputs. May be given several times.",
    ),
]
_Opset: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--opset", metavar="N", help="The version of ONNX's operators.", parser=whole_number(1)
    ),
]
_ExternalData: TypeAlias = Annotated[
    bool, typer.Option("--external-data", help="Put the weights into a second file, FILE.data.")
]
_Seed: TypeAlias = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        help="What random weights are drawn with.",
        parser=whole_number(0),
    ),
]


def _level(text: str | int) -> int:
    """A level of optimization, or the default as it is.

    Raises:
        typer.BadParameter: the text is none.
    """
    return int(one_of("0", "1")(str(text)))


_Optimization: TypeAlias = Annotated[
    int,
    typer.Option(
        "-O",
        metavar="0|1",
        parser=_level,
        help="0: the spec one to one, every weight under its name, but for layers that no output "
        "needs or that do nothing at inference; 1: what gives the same and does less.",
    ),
]
_Explain: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="Say which layers are dropped, what the optimization has done, and what it had to "
        "leave.",
    ),
]


@app.command()
def build(
    spec: SpecArgument,
    output: _Out = None,
    weights: _Weights = None,
    variant: VariantOption = None,
    settings: SetOption = None,
    outputs: _Outputs = None,
    opset: _Opset = None,
    external_data: _ExternalData = False,
    seed: _Seed = 0,
    head: HeadOption = None,
    stem: StemOption = None,
    prefix: PrefixOption = "",
    ema: EmaOption = False,
    allow_missing: AllowMissingOption = None,
    ignore: IgnoreOption = None,
    match: MatchOption = "rules",
    mapping: MappingOption = None,
    by_order: ByOrderOption = False,
    optimization: _Optimization = 1,
    precision: PrecisionOption = "fp32",
    calibrate: CalibrateOption = None,
    ranges: RangesOption = "auto",
    min_agreement: MinAgreementOption = None,
    portable: PortableOption = False,
    half_io: HalfIoOption = False,
    explain: _Explain = False,
) -> None:
    """Compile a spec to an ONNX model."""
    from archc.pipeline.building import DEFAULT_OPSET
    from archc.pipeline.precision import Precision
    from archc.weights.policies import WeightPolicies

    policies = WeightPolicies(
        head, stem, prefix, ema, tuple(allow_missing or ()), tuple(ignore or ()),
        match, mapping, by_order,
    )  # fmt: skip
    wanted = Precision(
        precision, calibrate, ranges, min_agreement, portable, half_io, has_costs=explain
    )
    request = _Request(
        weights, seed, DEFAULT_OPSET if opset is None else opset, external_data or None, policies,
        optimization, wanted,
    )  # fmt: skip
    reporter = Reporter()
    chosen = choices(variant, settings, reporter, outputs)
    result, is_aside = _build(spec, output, chosen, request, reporter)
    _report(result, is_aside=is_aside, is_explained=explain)


class _Request(NamedTuple):
    weights: Path | None
    seed: int
    opset: int
    external_data: bool | None
    policies: WeightPolicies
    optimization: int
    precision: Precision


def _build(
    spec: str, output: str | None, chosen: Choices, request: _Request, reporter: Reporter
) -> tuple[BuildResult, bool]:
    """What was built, and whether the model itself is on standard output.

    Raises:
        typer.Exit: there were mistakes, which are shown.
    """
    from archc.pipeline.building import build_model
    from archc.pipeline.reading import load_spec

    loaded = load_spec(spec, reporter)
    if isinstance(loaded, Failed) or reporter.has_errors:
        show(reporter.diagnostics)
        raise typer.Exit(SPEC_ERRORS)
    name = chosen.variant or loaded.variant or loaded.name
    target = _target(output, name)
    with Progress(f"writing {name}") as progress, Progress(name, str) as steps:
        result = build_model(
            loaded, target, reporter, choices=chosen, **request._asdict(),
            progress=progress, step=steps.step,
        )  # fmt: skip
    end_on_errors(reporter)
    if isinstance(result, Failed):
        raise typer.Exit(SPEC_ERRORS)
    return result, not isinstance(target, Path)


def _target(output: str | None, name: str) -> Path | BinaryIO:
    if output != STANDARD_OUTPUT:
        path = Path("." if output is None else output)
        return path / f"{name}.onnx" if path.is_dir() else path
    if sys.stdout.isatty():
        raise typer.BadParameter("a model is no text for a terminal: send `-o -` into a file")
    return sys.stdout.buffer


def _report(result: BuildResult, *, is_aside: bool, is_explained: bool) -> None:
    """Says what was written; on standard error where the model itself is on standard output."""
    from archc.analysis.cost import count_macs, count_parameters
    from archc.analysis.readable import readable_bytes

    for note in result.notes:
        say("note", note)
    if result.drawn:
        say("warning", _drawn(result))
    elif not result.is_trained:
        say("warning", f"the weights are random, drawn with seed {result.seed}: nothing is trained")
        say("help", "give a checkpoint: `--weights FILE`")
    graph = result.graph
    where = "standard output" if result.path is None else str(result.path)
    if result.external_path is not None:
        where += f" and {result.external_path}"
    lines = [
        f"{where}: {readable_bytes(result.bytes_written)}",
        f"  network  {graph.variant or graph.name}: {count_parameters(graph):,} parameters, "
        f"{count_macs(graph):,} MACs",
        f"  weights  sha256 {result.weights_digest}",
    ]
    if result.quantized is not None or is_explained:
        from archc.cli.explained_build import explanation

        lines += explanation(result, is_explained=is_explained)
    for line in lines:
        (put_aside if is_aside else put)(line)


def _drawn(result: BuildResult) -> str:
    count = len(result.graph.owned_weights())
    return (
        f"{len(result.drawn)} of {count} weights are random, drawn with seed {result.seed}: "
        "train them before the model is used"
    )
