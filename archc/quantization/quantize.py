"""From a float model and samples to one in eight bits, with what it costs in accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from archc.onnx_io.model import InitializerDef, ModelDef
from archc.quantization.agreement import Agreement, Exact, agreement, exact
from archc.quantization.curves import functions_behind
from archc.quantization.emit import Rounding, emit
from archc.quantization.guard import LayerCost, costs_of, guarded
from archc.quantization.observe import Step, observe
from archc.quantization.patches import covariances
from archc.quantization.ramps import most_needed, ramp_scale, risen_scale
from archc.quantization.ranges import METHODS, Scale, Seen, scale_of
from archc.quantization.rounded_kernel import Kernels, RoundedSource
from archc.quantization.running import Runner, Sample, StoredSource
from archc.quantization.samples import Samples
from archc.quantization.units import Unit, rounded_values, units_of

AUTO = "auto"
"""The method with the least noise on samples that ranges are chosen from."""

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
        costs: of each operator alone, the costliest first, where some had to be left in float or
            they are wanted.
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
    has_costs: bool = False,
    step: Step | None = None,
) -> Quantized:
    """The model in eight bits.

    Args:
        model: the float model, with norms folded.
        samples: those to choose ranges from, and those to measure on.
        method: one of `METHODS`, or `AUTO`.
        least: the share of held-back samples whose class must stay the same.
        is_portable: whether hard swish and hard sigmoid stay operators of their own.
        has_costs: whether it is wanted what each operator costs, though all agrees as demanded.
        step: told how far it has come.

    Raises:
        NotFiniteError: the float model gives NaN or infinity.
        OSError: the folder of temporary files does not take the weights.
    """
    with Runner() as runner:
        stored = runner.stored(model)
        seen = exact(runner, stored, samples.seen)
        held_back = exact(runner, stored, samples.held_back)
        methods = tuple(METHODS) if method == AUTO else (method,)
        roundings = _roundings(runner, stored, samples.seen, methods, step, is_portable=is_portable)
        tried = _tried(stored, roundings, seen) if len(methods) > 1 else {}
        method = max(methods, key=lambda m: tried[m].decibels) if tried else method
        rounding = roundings[method]
        found: Agreement | None = None
        costs: tuple[LayerCost, ...] = ()
        if least is not None and samples.held_back:
            rounding, found, costs = guarded(stored, rounding, least, seen, held_back, step)
        if has_costs and not costs:
            costs = costs_of(stored, rounding, seen, step)
        result = emit(stored, rounding)
        if found is None and samples.held_back:
            found = agreement(held_back, result)
    count = len(rounding.units)
    return Quantized(_read_anew(result), method, tried, found, len(samples.seen), costs, count)


def _tried(model: ModelDef, roundings: Mapping[str, Rounding], seen: Exact) -> dict[str, Agreement]:
    some = seen.some(_COMPARED_ON)
    return {method: agreement(some, emit(model, r)) for method, r in roundings.items()}


def _roundings(
    runner: Runner,
    model: ModelDef,
    samples: Sequence[Sample],
    methods: Sequence[str],
    step: Step | None,
    *,
    is_portable: bool,
) -> dict[str, Rounding]:
    units = units_of(model, is_portable=is_portable)
    values = dict.fromkeys(chain.from_iterable(rounded_values(units, model).items()))
    has_histograms = any(method != "minmax" for method in methods)
    seen = observe(runner, model, values, samples, has_histograms=has_histograms, step=step)
    for value, function in functions_behind(model).items():
        if value in seen:
            seen[value].through = function
    means = {v: s.channel_means for v, s in seen.items() if s.channel_means is not None}
    kernels = Kernels(means, covariances(runner, model, units, samples, step))
    return {m: Rounding(units, _scales(units, seen, m), kernels) for m in methods}


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


def _read_anew(model: ModelDef) -> ModelDef:
    """The model with weights that are read from where they come from, not from temporary files."""
    return replace(model, initializers=tuple(map(_with_origin, model.initializers)))


def _with_origin(initializer: InitializerDef) -> InitializerDef:
    source = initializer.source
    if isinstance(source, StoredSource):
        return replace(initializer, source=source.origin)
    if isinstance(source, RoundedSource) and isinstance(source.source, StoredSource):
        return replace(initializer, source=source._replace(source=source.source.origin))
    return initializer
