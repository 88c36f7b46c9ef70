"""Blocks that nothing uses: all of them that does not hang on arguments is checked."""

from __future__ import annotations

from archc.diagnostics.place import Frame
from archc.diagnostics.reporter import FAILED
from archc.language.scope import Context, Origin, Scope
from archc.language.spec import Block, SpecFile
from archc.stages.elaborate.blocks import block_context
from archc.stages.elaborate.walk import UNKNOWN_ROOT, Walk


def check_unused(walk: Walk, spec: SpecFile) -> None:
    """Walks the blocks of a file that were not used, with nothing known of their parameters.

    What flows is unknown, so no layer of them enters the graph.
    """
    used = set(walk.uses)
    for block in spec.blocks.values():
        if block not in used and not walk.is_cut_short:
            _check(walk, block)


def _check(walk: Walk, block: Block) -> None:
    scope = Scope(None, UNKNOWN_ROOT, entry=FAILED)
    outside = Context(Origin(block.file, scope), walk.environment(block.file))
    frame = Frame(f"block `{block.name}`", block.span)
    context = block_context(walk, block, outside, scope, FAILED, frame)
    context = Context(context.origin, context.environment)
    names = context.environment.names
    assert isinstance(names, dict)
    names |= dict.fromkeys(block.params, FAILED)
    walk.binder.check_defaults(block.params, context, f"the block `{block.name}`")
    walk.binder.let(block.let, context, names)
    if block.layers is not None:
        walk.active.append((block, scope))
        walk.sequence(block.layers, context, FAILED)
        walk.active.pop()
