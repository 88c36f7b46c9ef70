"""Precision: a lowered model in sixteen or eight bits, with what that was chosen from."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.library import nowhere
from archc.language.tree import shown

if TYPE_CHECKING:
    from archc.onnx_io.model import ModelDef
    from archc.quantization.observe import Step
    from archc.quantization.quantize import Quantized
    from archc.runtime.metadata import PrecisionRecord

PRECISION = Rule(
    "build/precision",
    "a model is asked for in a precision that is none, or with options of another",
    "Each way to round numbers has its own needs: eight bits take samples, sixteen take none.",
)
UNPROVEN = Rule(
    "quantize/unproven",
    "an accuracy is demanded, and nothing is there to measure it on",
    "What ranges were chosen from says too little about other inputs, so that one sample in four "
    "is held back, of at least eight.",
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

Kind: TypeAlias = Literal["fp32", "fp16", "int8"]
KINDS: tuple[str, ...] = get_args(Kind)


class Precision(NamedTuple):
    """In which precision a model is wanted.

    Attributes:
        kind: `fp32`, `fp16` or `int8`.
        calibrate: the samples that ranges of eight bits are chosen from.
        method: how they are chosen: `auto`, `minmax`, `percentile` or `mse`.
        min_agreement: the share of samples held back whose class must stay the same.
        is_portable: whether hard swish and hard sigmoid stay operators of their own in eight bits.
        is_outside: whether float16 is what goes in and comes out as well.
    """

    kind: str = "fp32"
    calibrate: Path | None = None
    method: str = "auto"
    min_agreement: float | None = None
    is_portable: bool = False
    is_outside: bool = False


FLOAT32 = Precision()


def check_precision(wanted: Precision, optimization: int, reporter: Reporter) -> Failed | None:
    """Reports a precision that is none, and options that do not go with it.

    Reports: build/precision, quantize/no-samples.
    """
    place = nowhere(f"--precision {wanted.kind}")
    if wanted.kind not in KINDS:
        message = f"`{shown(wanted.kind)}` is no precision; {', '.join(KINDS)} are"
        return reporter.error(PRECISION, message, place, helps=did_you_mean(wanted.kind, KINDS))
    if wanted == FLOAT32:
        return None
    fault, helps = _fault(wanted, optimization)
    if fault is not None:
        return reporter.error(PRECISION, fault, place, helps=helps)
    if wanted.kind == "int8" and wanted.calibrate is None:
        from archc.quantization.samples import NO_SAMPLES

        helps = ("give some hundred pictures: `--calibrate FOLDER`, or an `.npz` file of inputs",)
        message = "eight bits are chosen from samples, and none are given"
        return reporter.error(NO_SAMPLES, message, place, helps=helps)
    return None


def _fault(wanted: Precision, optimization: int) -> tuple[str | None, tuple[str, ...]]:
    eight = wanted._replace(kind="int8", is_outside=False)
    if wanted.kind != "int8" and eight != Precision("int8"):
        return "samples, methods and agreement are for eight bits", ("write `--precision int8`",)
    if wanted.kind != "fp16" and wanted.is_outside:
        return "float16 inputs and outputs are for sixteen bits", ("write `--precision fp16`",)
    if wanted.kind == "int8" and optimization == 0:
        return "eight bits are made of a folded network, and `-O0` folds nothing", (
            "leave `-O0` out",
        )
    from archc.quantization.ranges import METHODS

    methods = ("auto", *METHODS)
    if wanted.method not in methods:
        message = f"`{shown(wanted.method)}` is no way to choose ranges; {', '.join(methods)} are"
        return message, did_you_mean(wanted.method, methods)
    if wanted.min_agreement is not None and not 0 <= wanted.min_agreement <= 1:
        return f"{wanted.min_agreement:g} is no share", ("give a number from 0 to 1, such as 0.99",)
    return None, ()


def in_half(model: ModelDef, wanted: Precision, reporter: Reporter) -> ModelDef | Failed:
    """A model in sixteen bits.

    Reports: quantize/not-float32.
    """
    from archc.quantization.half import half
    from archc.runtime.metadata import PrecisionRecord

    if isinstance(_check_float32(model, reporter), Failed):
        return FAILED
    record = PrecisionRecord("float16")
    return _recorded(half(model, is_outside=wanted.is_outside), record)


def in_eight_bits(
    model: ModelDef, wanted: Precision, reporter: Reporter, step: Step | None = None
) -> Quantized | Failed:
    """A model in eight bits, and what it costs.

    Reports: quantize/not-float32, quantize/unproven, quantize/too-little-agreement, and what the
        reader of samples reports.
    """
    from archc.quantization.quantize import quantize
    from archc.quantization.samples import read_samples
    from archc.runtime.metadata import PrecisionRecord, parse_metadata

    if isinstance(_check_float32(model, reporter), Failed):
        return FAILED
    assert wanted.calibrate is not None  # `check_precision` has seen to it
    samples = read_samples(wanted.calibrate, parse_metadata(model.metadata), reporter)
    if isinstance(samples, Failed):
        return FAILED
    place = nowhere(str(wanted.calibrate))
    if wanted.min_agreement is not None and not samples.held_back:
        message = f"{len(samples.seen)} samples are too few to measure an agreement on"
        helps = ("give at least eight samples, better some hundred", "leave the demand out")
        return reporter.error(UNPROVEN, message, place, helps=helps)
    made = quantize(
        model, samples, method=wanted.method, least=wanted.min_agreement,
        is_portable=wanted.is_portable, step=step,
    )  # fmt: skip
    if isinstance(judge(made, wanted, reporter), Failed):
        return FAILED
    found = made.agreement
    record = PrecisionRecord(
        "int8", made.method, made.seen,
        None if found is None else found.top_1, len(samples.held_back),
        tuple(cost.name for cost in made.costs if cost.is_float),
    )  # fmt: skip
    return made._replace(model=_recorded(made.model, record))


def judge(made: Quantized, wanted: Precision, reporter: Reporter) -> Failed | None:
    """Reports a model in eight bits that agrees less than demanded, or where none can tell.

    Reports: quantize/unproven, quantize/too-little-agreement.
    """
    found, least = made.agreement, wanted.min_agreement
    if least is None or found is None:
        return None
    place = nowhere(str(wanted.calibrate))
    if found.top_1 is None:
        message = "the first output is no list of classes: no agreement can be measured"
        return reporter.error(UNPROVEN, message, place, helps=("leave the demand out",))
    if found.top_1 < least:
        message = f"{found.top_1:.2%} of {found.samples} samples agree, {least:.2%} are demanded"
        reached = math.floor(100 * found.top_1) / 100
        helps = (
            "give more samples to choose ranges from",
            f"demand less: `--min-agreement {reached:g}`",
        )
        return reporter.error(MISSED, message, place, helps=helps)
    return None


def _check_float32(model: ModelDef, reporter: Reporter) -> Failed | None:
    from archc.shapes.tensor_type import DType

    weights = [i for i in model.initializers if not isinstance(i.source, bytes)]
    halves = [i.name for i in weights if i.dtype is not DType.FLOAT32]
    if not halves:
        return None
    message = f"the network is in float16, as `{shown(halves[0])}` is"
    helps = ("let its input be float32 in the spec",)
    return reporter.error(NOT_FLOAT32, message, nowhere(model.name), helps=helps)


def _recorded(model: ModelDef, record: PrecisionRecord) -> ModelDef:
    from archc.runtime.metadata import ModelRecord, format_metadata

    added = format_metadata(ModelRecord(precision=record))
    return replace(model, metadata={**model.metadata, **added})
