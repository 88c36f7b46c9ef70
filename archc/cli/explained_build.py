"""What a build has done to a network: its rewrites, and how it agrees in eight bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from archc.cli.terminal import columns
from archc.rewrites import REWRITES, Effect, Rewritten

if TYPE_CHECKING:
    from archc.onnx_io.model import ModelDef
    from archc.pipeline import BuildResult
    from archc.quantization.agreement import Agreement
    from archc.quantization.quantize import Quantized


def explanation(result: BuildResult, *, is_explained: bool) -> list[str]:
    """What a build in eight bits costs, and, where that is asked for, what rewrites have done."""
    lines = [] if result.quantized is None else list(_rounding(result.quantized))
    return [*lines, *_rewriting(result)] if is_explained else lines


def _rounding(quantized: Quantized) -> Iterator[str]:
    yield (
        f"  int8     {quantized.rounded} operators, ranges by `{quantized.method}` from "
        f"{quantized.seen} samples"
    )
    for method, found in quantized.tried.items():
        yield f"           {method}: {_agreement(found)} on {found.samples} of them"
    if quantized.agreement is None:
        yield "           how well it agrees is not known: too few samples to hold some back"
    else:
        found = quantized.agreement
        yield f"  agrees   {_agreement(found)} on {found.samples} samples held back"
    left = [cost for cost in quantized.costs if cost.is_float]
    if left:
        yield "left in float, since they cost most:"
        yield from columns([(f"  {c.name}", f"{c.decibels:.1f} dB alone") for c in left], "<>")


def _agreement(found: Agreement) -> str:
    noise = f"{found.decibels:.1f} dB above the noise"
    return noise if found.top_1 is None else f"{100 * found.top_1:.2f} % the same class, {noise}"


def _rewriting(result: BuildResult) -> Iterator[str]:
    """What rewrites have done: in all, and at each layer."""
    if result.lowered is None or result.rewritten is None:
        yield "rewrites: none, since the spec is built one to one"
        return
    before, after = result.lowered, result.rewritten.model
    yield f"rewrites: {len(before.nodes)} operators become {len(after.nodes)}"
    yield from columns(list(_rewrites(result.rewritten)), "<><")
    yield from columns(list(_operators(before, after)), "<>>")
    for rewrite in REWRITES:
        for effect in result.rewritten.effects[rewrite.name]:
            kept = "stays: " if effect.is_left else ""
            yield f"  {rewrite.name}  `{effect.layer}` {kept}{effect.text}"


def _rewrites(rewritten: Rewritten) -> Iterator[tuple[str, str, str]]:
    for rewrite in REWRITES:
        effects = rewritten.effects[rewrite.name]
        yield f"  {rewrite.name}", _count(effects), rewrite.summary


def _count(effects: tuple[Effect, ...]) -> str:
    return str(sum(not effect.is_left for effect in effects))


def _operators(before: ModelDef, after: ModelDef) -> Iterator[tuple[str, str, str]]:
    """The operators whose number has changed."""
    old, new = (Counter(node.op_type for node in model.nodes) for model in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old[name] != new[name]:
            yield f"  {name}", str(old[name]), f"-> {new[name]}"
