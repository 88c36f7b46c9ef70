"""From a float model and samples to one in eight bits, with what it costs in accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from archc.onnx_io.model import ModelDef
from archc.quantization.agreement import Agreement, agreement, outputs_of
from archc.quantization.curves import functions_behind
from archc.quantization.emit import Rounding, emit
from archc.quantization.guard import LayerCost, guarded
from archc.quantization.observe import Sample, Step, observe, running
from archc.quantization.patches import covariances
from archc.quantization.ramps import most_needed, ramp_scale, risen_scale
from archc.quantization.ranges import METHODS, Scale, Seen, scale_of
from archc.quantization.samples import Samples
from archc.quantization.units import Unit, rounded_values, units_of

AUTO = "auto"
"""The method that agrees best on the samples that ranges are chosen from."""

_COMPARED_ON = 64
"""Samples that methods are compared on."""


class Quantized(NamedTuple):
    """A model in eight bits.

    Attributes:
        model: the model.
        method: how its ranges were chosen.
        tried: how each method agrees on the samples that ranges were chosen from.
        agreement: on the samples held back; None where there are none.
        seen: how many samples the ranges were chosen from.
        costs: of each operator alone, the costliest first, where some had to be left in float.
        rounded: how many operators are in eight bits.
    """

    model: ModelDef
    method: str
    tried: dict[str, Agreement]
    agreement: Agreement | None
    seen: int
    costs: tuple[LayerCost, ...]
    rounded: int


def quantize(
    model: ModelDef,
    samples: Samples,
    *,
    method: str = AUTO,
    least: float | None = None,
    is_portable: bool = False,
    step: Step | None = None,
) -> Quantized:
    """The model in eight bits.

    Args:
        model: the float model, with norms folded.
        samples: those to choose ranges from, and those to measure on.
        method: one of `METHODS`, or `AUTO`.
        least: the share of held-back samples whose class must stay the same.
        is_portable: whether hard swish and hard sigmoid stay operators of their own.
        step: told how far it has come.
    """
    with running(model) as session:
        wanted = outputs_of(session, samples.seen), outputs_of(session, samples.held_back)
    methods = tuple(METHODS) if method == AUTO else (method,)
    roundings = _roundings(model, samples.seen, methods, step, is_portable=is_portable)
    compared = samples.seen[:_COMPARED_ON]
    tried: dict[str, Agreement] = {}
    emitted: dict[str, ModelDef] = {}
    if len(methods) > 1:
        exact = wanted[0][:_COMPARED_ON]
        emitted = {m: emit(model, rounding) for m, rounding in roundings.items()}
        tried = {m: agreement(exact, made, compared) for m, made in emitted.items()}
        method = max(methods, key=lambda m: tried[m].rank)
    rounding = roundings[method]
    found: Agreement | None = None
    costs: tuple[LayerCost, ...] = ()
    if least is not None and samples.held_back:
        rounding, found, costs = guarded(
            model, rounding, least, samples.seen, samples.held_back, wanted, step
        )
    is_whole = rounding is roundings[method] and method in emitted
    result = emitted[method] if is_whole else emit(model, rounding)
    if found is None and samples.held_back:
        found = agreement(wanted[1], result, samples.held_back)
    count = len(rounding.units)
    return Quantized(result, method, tried, found, len(samples.seen), costs, count)


def _roundings(
    model: ModelDef,
    samples: Sequence[Sample],
    methods: Sequence[str],
    step: Step | None,
    *,
    is_portable: bool,
) -> dict[str, Rounding]:
    units = units_of(model, is_portable=is_portable)
    values = set(chain.from_iterable(rounded_values(units, model).items()))
    has_histograms = any(method != "minmax" for method in methods)
    seen = observe(model, values, samples, has_histograms=has_histograms, step=step)
    for value, function in functions_behind(model).items():
        if value in seen:
            seen[value].through = function
    means = {v: s.channel_means for v, s in seen.items() if s.channel_means is not None}
    together = covariances(model, units, samples, step)
    return {
        method: Rounding(units, _scales(units, seen, method), means, together) for method in methods
    }


def _scales(units: Sequence[Unit], seen: Mapping[str, Seen], method: str) -> dict[str, Scale]:
    found = {value: scale_of(numbers, method) for value, numbers in seen.items()}
    for unit in units:
        if unit.kind == "ramp":
            (value,) = unit.inputs
            _, most = METHODS[method](seen[value])
            found[value] = ramp_scale(most_needed(unit.node, most))
            if unit.node.op_type == "HardSigmoid":
                found[unit.output] = risen_scale(found[value])
    return found
