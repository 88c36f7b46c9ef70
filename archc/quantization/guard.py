"""The guard of accuracy: which layers cost most, and how many must stay in float.

Each operator is put into eight bits alone; what that does to the outputs is its cost. From the
costliest on, as few as needed are left in float until the agreement is as demanded. How many that
are is chosen on the samples held back: the more often it is tried, the more the share says of them
rather than of others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from archc.analysis.readable import readable_bytes
from archc.onnx_io.model import ModelDef
from archc.quantization.agreement import Agreement, Exact, agreement
from archc.quantization.emit import Rounding, emit
from archc.quantization.observe import Step
from archc.quantization.units import Unit

_TRIED_ON = 8
"""Samples that each operator is tried on."""

_SAVED_BYTES = 3
"""Bytes that a weight is smaller in eight bits."""


class LayerCost(NamedTuple):
    """What an operator alone costs in eight bits, and what it costs to leave it in float.

    Attributes:
        name: its name, a layer's or several.
        decibels: the signal-to-noise ratio of the outputs with it alone in eight bits.
        is_float: whether it is left in float.
        added_bytes: by how much its weights are larger in float.
        macs: the multiply-accumulates that then are of floats, for one sample.
    """

    name: str
    decibels: float
    is_float: bool = False
    added_bytes: int = 0
    macs: int = 0


class Guarded(NamedTuple):
    """A rounding that agrees as demanded, or as well as it gets.

    Attributes:
        rounding: what is in eight bits.
        agreement: on the samples held back.
        costs: of each operator, the costliest first; empty where none had to be left.
    """

    rounding: Rounding
    agreement: Agreement
    costs: tuple[LayerCost, ...] = ()


def guarded(
    model: ModelDef,
    rounding: Rounding,
    least: float,
    seen: Exact,
    held_back: Exact,
    step: Step | None = None,
) -> Guarded:
    """The rounding with as many operators left in float as the demand takes.

    Args:
        model: the float model.
        rounding: everything in eight bits.
        least: the share of samples whose class must be the same.
        seen: what it gives for the samples that ranges were chosen from.
        held_back: what it gives for those that the agreement is measured on.
        step: told how far it has come.
    """
    found = agreement(held_back, emit(model, rounding))
    if found.share >= least:
        return Guarded(rounding, found)
    costs = costs_of(model, rounding, seen, step)
    names = [cost.name for cost in costs]

    def with_float(count: int) -> Agreement:
        return agreement(held_back, emit(model, rounding.without(names[:count])))

    low, high = 0, 1
    while (found := with_float(high)).share < least and high < len(names):
        low, high = high, min(2 * high, len(names))
    while high - low > 1:
        middle = (low + high) // 2
        tried = with_float(middle)
        if tried.share >= least:
            high, found = middle, tried
        else:
            low = middle
    less = rounding.without(names[:high])
    kept = {unit.name for unit in less.units}
    marked = tuple(cost._replace(is_float=cost.name not in kept) for cost in costs)
    return Guarded(less, found, marked)


def costs_of(
    model: ModelDef, rounding: Rounding, seen: Exact, step: Step | None = None
) -> tuple[LayerCost, ...]:
    """What each operator costs alone, the costliest first; nothing for those that move elements."""
    candidates = [unit for unit in rounding.units if unit.kind != "passing"]
    some = seen.some(_TRIED_ON)
    weights = _weights(model, candidates)
    macs = _macs(model, weights, seen)
    costs = []
    for number, unit in enumerate(candidates, 1):
        alone = replace(rounding, units=(unit,))
        decibels = agreement(some, emit(model, alone)).decibels
        value = unit.node.outputs[0]
        added = _SAVED_BYTES * math.prod(weights[value]) if value in weights else 0
        costs.append(LayerCost(unit.name, decibels, False, added, macs.get(value, 0)))
        if step is not None:
            step("trying layers", number, len(candidates))
    return tuple(sorted(costs, key=lambda cost: cost.decibels))


def costliest(costs: Sequence[LayerCost], count: int = 5) -> list[str]:
    """A line for each of the operators that cost most in eight bits."""
    return [
        f"`{cost.name}` alone in eight bits: {cost.decibels:.1f} dB; in float: {in_float(cost)}"
        for cost in costs[:count]
    ]


def in_float(cost: LayerCost) -> str:
    """What leaving an operator in float costs."""
    if not cost.macs:
        return "no weights"
    return f"{readable_bytes(cost.added_bytes)} more, {cost.macs:,} multiply-accumulates of floats"


def _weights(model: ModelDef, units: Sequence[Unit]) -> dict[str, tuple[int, ...]]:
    """The sizes [out, in/groups, …] of kernels, by what the operators give."""
    sizes = {i.name: i.dims for i in model.initializers}
    kernels = [unit for unit in units if unit.kind == "kernel"]
    return {unit.node.outputs[0]: sizes[unit.node.inputs[1]] for unit in kernels}


def _macs(model: ModelDef, weights: Mapping[str, tuple[int, ...]], seen: Exact) -> dict[str, int]:
    """The multiply-accumulates of one sample, by what the operators give."""
    (found,) = seen.runner.answers(model, seen.samples[:1], weights)
    return {value: found[value].size * math.prod(dims[1:]) for value, dims in weights.items()}
