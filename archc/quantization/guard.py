"""The guard of accuracy: which layers cost most, and how many must stay in float.

Each operator is put into eight bits alone; what that does to the outputs is its cost. From the
costliest on, as few as needed are left in float until the agreement is as demanded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from archc.onnx_io.model import ModelDef
from archc.quantization.agreement import Agreement, Outputs, agreement
from archc.quantization.emit import Rounding, emit
from archc.quantization.observe import Sample, Step

_TRIED_ON = 8
"""Samples that each operator is tried on."""


class LayerCost(NamedTuple):
    """What an operator alone costs in eight bits.

    Attributes:
        name: its name, a layer's or several.
        decibels: the signal-to-noise ratio of the outputs with it alone in eight bits.
        is_float: whether it is left in float.
    """

    name: str
    decibels: float
    is_float: bool = False


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
    seen: Sequence[Sample],
    held_back: Sequence[Sample],
    answers: tuple[Outputs, Outputs],
    step: Step | None = None,
) -> Guarded:
    """The rounding with as many operators left in float as the demand takes.

    Args:
        model: the float model.
        rounding: everything in eight bits.
        least: the share of samples whose class must be the same.
        seen: the samples that ranges were chosen from.
        held_back: those that the agreement is measured on.
        answers: what the float model gives for both.
        step: told how far it has come.
    """
    found = agreement(answers[1], emit(model, rounding), held_back)
    if found.top_1 is None or found.top_1 >= least:
        return Guarded(rounding, found)
    costs = costs_of(model, rounding, seen[:_TRIED_ON], answers[0][:_TRIED_ON], step)
    names = [cost.name for cost in costs]

    def with_float(count: int) -> Agreement:
        return agreement(answers[1], emit(model, rounding.without(names[:count])), held_back)

    low, high = 0, 1
    while (found := with_float(high)).top_1 is not None and found.rank[0] < least:
        if high >= len(names):
            break
        low, high = high, min(2 * high, len(names))
    while high - low > 1:
        middle = (low + high) // 2
        tried = with_float(middle)
        if tried.rank[0] >= least:
            high, found = middle, tried
        else:
            low = middle
    marked = tuple(cost._replace(is_float=at < high) for at, cost in enumerate(costs))
    return Guarded(rounding.without(names[:high]), found, marked)


def costs_of(
    model: ModelDef,
    rounding: Rounding,
    samples: Sequence[Sample],
    answers: Outputs,
    step: Step | None = None,
) -> tuple[LayerCost, ...]:
    """What each operator costs alone, the costliest first."""
    candidates = [unit for unit in rounding.units if unit.kind not in ("passing", "clamp")]
    costs = []
    for number, unit in enumerate(candidates, 1):
        alone = replace(rounding, units=(unit,))
        costs.append(LayerCost(unit.name, agreement(answers, emit(model, alone), samples).decibels))
        if step is not None:
            step("trying layers", number, len(candidates))
    return tuple(sorted(costs, key=lambda cost: cost.decibels))
