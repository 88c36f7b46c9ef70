"""What `archc build --explain` says: each rewrite, what it did and what it had to leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from archc.cli.terminal import columns
from archc.rewrites import REWRITES, Effect, Rewritten

if TYPE_CHECKING:
    from archc.onnx_io.model import ModelDef
    from archc.pipeline import BuildResult


def lines_of(result: BuildResult) -> Iterator[str]:
    """The lines for a build."""
    if result.lowered is None or result.rewritten is None:
        yield "rewrites: none, since the spec is built one to one"
        return
    before, after = result.lowered, result.rewritten.model
    yield f"rewrites: {len(before.nodes)} operators become {len(after.nodes)}"
    yield from columns(list(_rewrites(result.rewritten)), "<><")
    yield from columns(list(_operators(before, after)), "<>><")
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


def _operators(before: ModelDef, after: ModelDef) -> Iterator[tuple[str, str, str, str]]:
    """The operators whose number has changed."""
    old, new = (Counter(node.op_type for node in model.nodes) for model in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old[name] != new[name]:
            yield f"  {name}", str(old[name]), f"-> {new[name]}", ""
