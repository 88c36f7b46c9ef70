"""Blocks: parameters from the use, then layers in a scope of their own."""

from __future__ import annotations

from collections.abc import Mapping

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Frame, Place, further
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Group
from archc.language.arguments import unknown_arguments
from archc.language.scope import (
    Context,
    Environment,
    Flow,
    Flowing,
    Named,
    Origin,
    Scope,
    origin_of,
)
from archc.language.spec import MODIFIERS, Block
from archc.language.values import Argument, InputValue, Value
from archc.shapes.tensor_type import TensorType
from archc.stages.elaborate.arguments import collect_arguments
from archc.stages.elaborate.replay import Recorder, find_recording, recording_key, replay
from archc.stages.elaborate.walk import LayerUse, Run, Walk

RECURSION = Rule("block/recursion", "a block uses itself", "it would never end")


def run_block(walk: Walk, block: Block, use: LayerUse, context: Context, flow: Flow) -> Run:
    """Runs a block: its parameters from the use, then its layers in a scope of its own.

    Reports:
        block/recursion, argument/unknown, and what its parameters and layers report.
    """
    walk.uses.append(block)
    named = walk.declare(use.name, use.name_span, context)
    named.flow = FAILED
    if block.layers is None:
        return Run(FAILED)
    place = context.place(use.span)
    if _is_recursive(walk, block, use):
        active = [b for b, _ in walk.active]
        chain = " → ".join(f"`{b.name}`" for b in [*active[active.index(block) :], block])
        message = f"the block `{block.name}` uses itself: {chain}"
        return Run(walk.reporter.error(RECURSION, message, place))
    arguments = collect_arguments(walk, use, tuple(block.params), context)
    if isinstance(arguments, Failed):
        return Run(FAILED)
    named.flow = None
    named.scope = scope = Scope(context.scope, f"{context.scope.prefix}{use.name}.", entry=flow)
    frame = Frame(f"block `{block.name}`", use.span)
    inner = block_context(walk, block, context, scope, flow, frame, arguments)
    key = recording_key(walk, block, arguments, inner)
    known = find_recording(walk, key)
    if known is not None:
        return closed(named, use.name, replay(walk, known, inner), block.name)
    recorder = Recorder(walk)
    run = _run_layers(walk, block, arguments, inner, place)
    recorder.finish(key, inner, run)
    return closed(named, use.name, run, block.name)


def _run_layers(
    walk: Walk, block: Block, arguments: dict[str, Argument], inner: Context, place: Place
) -> Run:
    """Binds the parameters of a block used at a place, and runs its layers."""
    assert block.layers is not None
    what = f"the block `{block.name}`"
    unknown = unknown_arguments(block.params, arguments, what, walk.reporter, MODIFIERS, block.file)
    values = inner.environment.names
    assert isinstance(values, dict)
    is_whole = unknown is None
    walk.binder.bind(block.params, arguments, inner, values, place, what, is_whole=is_whole)
    walk.binder.let(block.let, inner, values)
    walk.active.append((block, inner.scope))
    run = walk.sequence(block.layers, inner, inner.scope.entry or FAILED)
    walk.active.pop()
    return run


def _is_recursive(walk: Walk, block: Block, use: LayerUse) -> bool:
    """Whether a block's name is written within a use of that block.

    A block may well stand in another of its kind that it was passed to, as a wrapper in a wrapper.
    """
    scopes = [scope for active, scope in walk.active if active is block]
    written_in = origin_of(use.op).scope
    return (
        bool(scopes)
        and written_in is not None
        and any(outer in scopes for outer in written_in.outwards())
    )


def block_context(
    walk: Walk,
    block: Block,
    context: Context,
    scope: Scope,
    flow: Flow,
    frame: Frame,
    given: Mapping[str, Argument] = {},
) -> Context:
    """The context inside a block: its own names (to be filled), then its file's."""
    entering: TensorType | Failed = flow.type if isinstance(flow, Flowing) else FAILED
    names: dict[str, Value | Failed] = {"input": InputValue(entering)}
    environment = Environment(
        names, walk.environment(block.file), None, given, context, block.params
    )
    origin = Origin(block.file, scope)
    return Context(origin, environment, further(context.trail, frame), context.is_certain)


def closed(named: Named, name: str, run: Run, block: str | None = None) -> Run:
    """The run of a scope or block, which its name now stands for."""
    named.flow = run.flow
    if not isinstance(run.flow, Flowing):
        return Run(FAILED)
    return Run(run.flow, (Group(name, run.elements, run.flow.id, block),))
