"""Precision: a lowered model in sixteen or eight bits, with what that was chosen from."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.library import nowhere
from archc.language.tree import shown
from archc.quantization.options import KINDS, RANGES

if TYPE_CHECKING:
    from archc.onnx_io.model import ModelDef
    from archc.quantization.observe import Step
    from archc.quantization.quantize import Quantized
    from archc.quantization.samples import Samples
    from archc.runtime.metadata import ModelRecord

PRECISION = Rule(
    "build/precision",
    "a model is asked for in a precision that is none, or with options of another",
    "Each way to round numbers has its own needs: eight bits take samples, sixteen take none.",
)
UNPROVEN = Rule(
    "quantize/unproven",
    "an accuracy is demanded, and nothing is there to measure it on",
    "What ranges were chosen from says too little about other inputs, so that samples are held "
    "back; few of them cannot tell a high share from a lower one.",
)
MISSED = Rule(
    "quantize/too-little-agreement",
    "a model in eight bits agrees less than demanded with the one in float",
    "A model that was to keep its accuracy and does not is not written.",
)
NOT_FLOAT32 = Rule(
    "quantize/not-float32",
    "a network is not in float32 to begin with",
    "Eight and sixteen bits are made of a network in float32.",
)


class Precision(NamedTuple):
    """In which precision a model is wanted.

    Attributes:
        kind: `fp32`, `fp16` or `int8`.
        calibrate: the samples that ranges of eight bits are chosen from.
        ranges: how they are chosen: `auto`, `minmax`, `percentile` or `mse`.
        min_agreement: the share of samples held back whose class must stay the same.
        is_portable: whether eight bits take none but ONNX's own operators, for other runtimes.
        has_half_io: whether float16 is what goes in and comes out as well.
        has_costs: whether to try what each operator costs alone in eight bits, demand or not.
    """

    kind: str = "fp32"
    calibrate: Path | None = None
    ranges: str = "auto"
    min_agreement: float | None = None
    is_portable: bool = False
    has_half_io: bool = False
    has_costs: bool = False


FLOAT32 = Precision()


class InEightBits(NamedTuple):
    """What was made in eight bits.

    Attributes:
        quantized: the model, and what it costs.
        notes: what was decided in reading the samples.
    """

    quantized: Quantized
    notes: tuple[str, ...]


def check_precision(wanted: Precision, optimization: int, reporter: Reporter) -> Failed | None:
    """Reports a precision that is none, and options that do not go with it.

    Reports: build/precision, quantize/no-samples.
    """
    fault = _fault(wanted, optimization)
    if fault is not None:
        place = nowhere(fault.option)
        return reporter.error(PRECISION, fault.message, place, helps=fault.helps)
    if wanted.kind == "int8" and wanted.calibrate is None:
        from archc.quantization.samples import NO_SAMPLES

        helps = ("give some hundred pictures: `--calibrate FOLDER`, or an `.npz` file of inputs",)
        message = "eight bits are chosen from samples, and none are given"
        return reporter.error(NO_SAMPLES, message, nowhere("--precision int8"), helps=helps)
    return None


class _Fault(NamedTuple):
    option: str
    message: str
    helps: tuple[str, ...]


def _fault(wanted: Precision, optimization: int) -> _Fault | None:
    """What is wrong with the first option that is."""
    if wanted.kind not in KINDS:
        message = f"`{shown(wanted.kind)}` is no precision; {', '.join(KINDS)} are"
        return _Fault(f"--precision {wanted.kind}", message, did_you_mean(wanted.kind, KINDS))
    options = list(_options_of_eight_bits(wanted))
    if wanted.kind != "int8" and options:
        message = f"{_and(options)} {'is' if len(options) == 1 else 'are'} for eight bits"
        them = "it" if len(options) == 1 else "them"
        return _Fault(options[0], message, ("write `--precision int8`", f"leave {them} out"))
    if wanted.kind != "fp16" and wanted.has_half_io:
        message = "`--half-io` is for sixteen bits"
        return _Fault("--half-io", message, ("write `--precision fp16`", "leave it out"))
    if wanted.kind == "int8" and optimization == 0:
        message = "eight bits are made of a folded network, and `-O0` folds nothing"
        return _Fault("-O0", message, ("leave `-O0` out",))
    if wanted.ranges not in RANGES:
        message = f"`{shown(wanted.ranges)}` is no way to choose ranges; {', '.join(RANGES)} are"
        return _Fault(f"--ranges {wanted.ranges}", message, did_you_mean(wanted.ranges, RANGES))
    least = wanted.min_agreement
    if least is not None and not 0 <= least <= 1:
        message = f"{least:g} is no share"
        helps = ("give a number from 0 to 1, such as 0.99",)
        return _Fault(f"--min-agreement {least:g}", message, helps)
    return None


def _options_of_eight_bits(wanted: Precision) -> Iterator[str]:
    """Those that were given, as on a command line."""
    if wanted.calibrate is not None:
        yield f"--calibrate {wanted.calibrate}"
    if wanted.ranges != FLOAT32.ranges:
        yield f"--ranges {wanted.ranges}"
    if wanted.min_agreement is not None:
        yield f"--min-agreement {wanted.min_agreement:g}"
    if wanted.is_portable:
        yield "--portable"


def _and(options: Sequence[str]) -> str:
    """The names of options, without what they were given.

    >>> _and(["--calibrate pictures", "--ranges mse", "--portable"])
    '`--calibrate`, `--ranges` and `--portable`'
    """
    *before, last = [f"`{option.split()[0]}`" for option in options]
    return f"{', '.join(before)} and {last}" if before else last


def in_half(model: ModelDef, wanted: Precision, reporter: Reporter) -> ModelDef | Failed:
    """A model in sixteen bits, which records so, and the inputs that it takes then.

    Reports: quantize/not-float32.
    """
    from archc.quantization.half import half
    from archc.runtime.metadata import ModelRecord, PrecisionRecord, parse_metadata
    from archc.shapes.tensor_type import DType

    if isinstance(_check_float32(model, wanted, reporter), Failed):
        return FAILED
    halved = half(model, has_half_io=wanted.has_half_io)
    halves = {entry.name for entry in halved.inputs if entry.dtype is DType.FLOAT16}
    inputs = tuple(
        replace(entry, dtype=DType.FLOAT16) if entry.name in halves else entry
        for entry in parse_metadata(model.metadata).inputs
    )
    return _recorded(halved, ModelRecord(precision=PrecisionRecord("fp16"), inputs=inputs))


def in_eight_bits(
    model: ModelDef, wanted: Precision, reporter: Reporter, step: Step | None = None
) -> InEightBits | Failed:
    """A model in eight bits, and what it costs.

    Reports: quantize/not-float32, quantize/unproven, quantize/not-finite, build/output,
        quantize/too-little-agreement, and what the reader of samples reports.
    """
    from archc.quantization.observe import NOT_FINITE, NotFiniteError
    from archc.quantization.quantize import quantize
    from archc.quantization.samples import read_samples
    from archc.runtime.metadata import ModelRecord, PrecisionRecord, parse_metadata

    if isinstance(_check_float32(model, wanted, reporter), Failed):
        return FAILED
    assert wanted.calibrate is not None  # `check_precision` has seen to it
    record, least = parse_metadata(model.metadata), wanted.min_agreement
    samples = read_samples(wanted.calibrate, record, reporter, least=least)
    if isinstance(samples, Failed):
        return FAILED
    if least is not None and isinstance(_check_enough(samples, least, reporter), Failed):
        return FAILED
    try:
        made = quantize(
            model, samples, method=wanted.ranges, least=least, is_portable=wanted.is_portable,
            has_costs=wanted.has_costs, step=step,
        )  # fmt: skip
    except NotFiniteError as error:
        place = nowhere(f"--calibrate {wanted.calibrate}")
        return reporter.error(NOT_FINITE, str(error), place, helps=error.helps)
    except OSError as error:
        return _report_file(error, reporter)
    if isinstance(judge(made, wanted, reporter), Failed):
        return FAILED
    found = made.agreement
    rounding = PrecisionRecord(
        "int8", made.method, made.seen,
        None if found is None else found.top_1, len(samples.held_back),
        tuple(cost.name for cost in made.costs if cost.is_float),
    )  # fmt: skip
    model = _recorded(made.model, ModelRecord(precision=rounding))
    return InEightBits(made._replace(model=model), samples.notes)


def _check_enough(samples: Samples, least: float, reporter: Reporter) -> Failed | None:
    from archc.quantization.samples import FEWEST_TO_HOLD_BACK, fewest_held_back

    needed, held_back = fewest_held_back(least), len(samples.held_back)
    count = held_back + len(samples.seen)
    if count >= FEWEST_TO_HOLD_BACK and held_back >= needed:
        return None
    message = (
        f"a share of {least:g} is measured on at least {needed} samples held back, and {count} "
        f"samples leave {held_back or 'none'}"
    )
    helps = [f"give at least {max(2 * needed, FEWEST_TO_HOLD_BACK)} samples"]
    if held_back > 1:
        provable = math.floor(100 - 100 / held_back) / 100
        helps.append(f"demand what {held_back} samples can show: `--min-agreement {provable:g}`")
    helps.append("leave the demand out")
    return reporter.error(UNPROVEN, message, nowhere(f"--min-agreement {least:g}"), helps=helps)


def _report_file(error: OSError, reporter: Reporter) -> Failed:
    """Reports that weights cannot be read, or not be written where models are tried.

    Reports: weights/unreadable, build/output.
    """
    from archc.onnx_io.atomic import OUTPUT
    from archc.weights.readers import report_unreadable

    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:  # there is none that can be written
        folder = ""
    if error.filename is not None and not str(error.filename).startswith(folder):
        return report_unreadable(error, str(error.filename), reporter)
    why = (error.strerror or str(error)).lower()
    return reporter.error(
        OUTPUT,
        f"weights cannot be written into the temporary folder `{shown(folder)}`: {why}",
        nowhere("--precision int8"),
        helps=("name a folder with more room: `TMPDIR=FOLDER archc build …`",),
    )


def judge(made: Quantized, wanted: Precision, reporter: Reporter) -> Failed | None:
    """Reports a model in eight bits that agrees less than demanded, or where none can tell.

    Reports: quantize/unproven, quantize/too-little-agreement.
    """
    from archc.quantization.guard import costliest

    found, least = made.agreement, wanted.min_agreement
    if least is None or found is None:
        return None
    place = nowhere(f"--min-agreement {least:g}")
    if found.top_1 is None:
        message = "the first output is no list of classes: no agreement can be measured"
        helps = (*_other_output(made.model), "leave the demand out")
        return reporter.error(UNPROVEN, message, place, helps=helps)
    if found.top_1 < least:
        message = f"{found.top_1:.2%} of {found.samples} samples agree, {least:.2%} are demanded"
        reached = math.floor(100 * found.top_1) / 100
        helps = (
            "give more samples to choose ranges from",
            f"demand less: `--min-agreement {reached:g}`",
        )
        notes = costliest(made.costs)
        return reporter.error(MISSED, message, place, notes=notes, helps=helps)
    return None


def _other_output(model: ModelDef) -> Iterator[str]:
    """The help with the first output that is a list of classes, if one is."""
    for output in model.outputs:
        if len(output.dims) > 1 and output.dims[1] != 1 and set(output.dims[2:]) <= {1}:
            name = shown(output.name)
            yield (
                f"`{name}` is one: let it be the first of the spec's outputs, or the only one, "
                f"`--output {name}=PATH`"
            )
            return


def _check_float32(model: ModelDef, wanted: Precision, reporter: Reporter) -> Failed | None:
    from archc.shapes.tensor_type import DType

    weights = [i for i in model.initializers if not isinstance(i.source, bytes)]
    halves = [i.name for i in weights if i.dtype is not DType.FLOAT32]
    if not halves:
        return None
    message = f"the network is in float16, as `{shown(halves[0])}` is"
    helps = ("let its input be float32 in the spec",)
    place = nowhere(f"--precision {wanted.kind}")
    return reporter.error(NOT_FLOAT32, message, place, helps=helps)


def _recorded(model: ModelDef, record: ModelRecord) -> ModelDef:
    from archc.runtime.metadata import format_metadata

    return replace(model, metadata={**model.metadata, **format_metadata(record)})
