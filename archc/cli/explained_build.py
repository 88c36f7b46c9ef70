"""What a build has done to a network: its rewrites, and how it agrees in eight bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from archc.cli.terminal import columns
from archc.rewrites import REWRITES, Rewritten
from archc.rewrites.dropped import dropped

if TYPE_CHECKING:
    from archc.onnx_io.model import ModelDef
    from archc.pipeline.building import BuildResult
    from archc.quantization.agreement import Agreement
    from archc.quantization.guard import LayerCost
    from archc.quantization.quantize import Quantized

SHOWN_COSTS = 5
"""Operators that are named as those that cost most in eight bits."""


def explanation(result: BuildResult, *, is_explained: bool) -> list[str]:
    """What a build in eight bits costs, and, where that is asked for, what rewrites have done."""
    lines = []
    if result.quantized is not None:
        lines = list(_rounding(result.quantized))
        lines += _left_in_float(result.quantized.costs)
        lines += _costliest(result.quantized.costs) if is_explained else ()
    return [*lines, *_rewriting(result)] if is_explained else lines


def _rounding(quantized: Quantized) -> Iterator[str]:
    operators = _counted(quantized.rounded, "operator")
    seen = _counted(quantized.seen, "sample")
    yield f"  int8     {operators}, ranges by `{quantized.method}` from {seen}"
    for method, found in quantized.tried.items():
        yield f"           {method}: {_agreement(found)} on {found.samples} of them"
    if quantized.agreement is None:
        yield "           how well it agrees is not known: too few samples to hold some back"
    else:
        found = quantized.agreement
        yield f"  agrees   {_agreement(found)} on {found.samples} samples held back"


def _left_in_float(costs: Sequence[LayerCost]) -> Iterator[str]:
    left = [cost for cost in costs if cost.is_float]
    if not left:
        return
    yield "left in float, since they cost most:"
    yield from columns(map(_row, left), "<><")
    parts = [f"{len(left)} of {_counted(len(costs), 'operator')}"]
    if all_macs := sum(cost.macs for cost in costs):
        parts.append(f"{sum(cost.macs for cost in left) / all_macs:.1%} of multiply-accumulates")
    yield f"  {' and '.join(parts)}: `archc bench` tells whether the model is still the faster one"


def _costliest(costs: Sequence[LayerCost]) -> Iterator[str]:
    if costs:
        yield "cost most in eight bits:"
        yield from columns(map(_row, costs[:SHOWN_COSTS]), "<><")


def _row(cost: LayerCost) -> tuple[str, str, str]:
    from archc.quantization.guard import in_float

    return f"  {cost.name}", f"{cost.decibels:.1f} dB alone", f"in float: {in_float(cost)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _agreement(found: Agreement) -> str:
    noise = f"{found.decibels:.1f} dB above the noise"
    return noise if found.top_1 is None else f"{100 * found.top_1:.2f} % the same class, {noise}"


def _rewriting(result: BuildResult) -> Iterator[str]:
    """What lowering has dropped, and what rewrites have done: in all, and at each layer."""
    if result.lowered is not None:
        for layer, why in dropped(result.graph, result.lowered).items():
            yield f"dropped `{layer}`: {why}"
    if result.lowered is None or result.rewritten is None:
        yield "rewrites: none, since the spec is built one to one"
        return
    before, after = result.lowered, result.rewritten.model
    yield f"rewrites: {len(before.nodes)} operators become {len(after.nodes)}"
    yield from columns(list(_rewrites(result.rewritten)), "<><")
    yield from columns(list(_operators(before, after)), "<>>")
    for rewrite in REWRITES:
        for effect in result.rewritten.effects[rewrite.name]:
            yield f"  {rewrite.name}  `{effect.layer}` {effect.text}"
    for layer, why in result.rewritten.left.items():
        yield f"  `{layer}` stays: {why}"


def _rewrites(rewritten: Rewritten) -> Iterator[tuple[str, str, str]]:
    for rewrite in REWRITES:
        count = len(rewritten.effects[rewrite.name])
        yield f"  {rewrite.name}", str(count), rewrite.summary


def _operators(before: ModelDef, after: ModelDef) -> Iterator[tuple[str, str, str]]:
    """The operators whose number has changed."""
    old, new = (Counter(node.op_type for node in model.nodes) for model in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old[name] != new[name]:
            yield f"  {name}", str(old[name]), f"-> {new[name]}"
