"""Which operators of a model's file each operator of the graph that runs stands for.

ONNX Runtime fuses operators, takes others apart, and puts changes of layout between them. It keeps
the name of one of the operators that it fuses, or the name of the value that comes out, with marks
before and after it; what is left is found by following values. Three steps:

1. An operator that runs stands for the one in the file that has its name, or that gives one of the
   values that it gives.
2. One that runs and has neither (a change of layout, a part of what was taken apart) belongs to the
   next one behind it that stands for something, else to the one before it.
3. An operator of the file that nothing stands for was fused: into the next one behind it if it
   computes something with weights or lies on the way there, else into the one before it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archc.onnx_io.model import ModelDef, NodeDef

_MARK = re.compile(r"^Inserted(PrecisionFree)?Cast_|(_nchwc|_token_\d+|_nhwc)$")
"""What ONNX Runtime adds to a name: where it computes float16 in float32, for another layout, or to
have a name of its own."""

_Neighbours = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Attribution:
    """For operators by name: `standing` is what each that runs stands for, one in the file.

    `fused` is the same for each in the file that nothing stands for.
    """

    standing: Mapping[str, str]
    fused: Mapping[str, str]


def attribute(file: ModelDef, running: ModelDef, heavy: Collection[str]) -> Attribution:
    """What the operators of the graph that runs stand for.

    Args:
        file: the model as it is in the file.
        running: the optimized graph.
        heavy: the names of operators in the file that compute with weights.
    """
    makers = {value: node.name for node in file.nodes for value in node.outputs if value}
    names = {node.name for node in file.nodes if node.name}
    direct = {
        i: found
        for i, node in enumerate(running.nodes)
        if (found := _stands_for(node, names, makers)) is not None
    }
    ahead, behind = _neighbours(running.nodes)
    standing = dict(direct)
    for i in range(len(running.nodes)):
        if i not in direct:
            near = _nearest(i, ahead, direct) or _nearest(i, behind, direct)
            if near is not None:
                standing[i] = near
    by_name = {running.nodes[i].name: found for i, found in standing.items()}
    return Attribution(by_name, _fused(file.nodes, set(direct.values()), heavy))


def _stands_for(node: NodeDef, names: Collection[str], makers: Mapping[str, str]) -> str | None:
    for name in _unmarked(node.name):
        if name in names:
            return name
    # A fused one is named by its value.
    values = (name for value in (*node.outputs, node.name) for name in _unmarked(value))
    return next((makers[value] for value in values if value in makers), None)


def _unmarked(name: str) -> Iterator[str]:
    """A name, and what is left of it with one mark after another taken off."""
    yield name
    while (shorter := _MARK.sub("", name, count=1)) != name:
        name = shorter
        yield name


def _fused(
    nodes: Sequence[NodeDef], anchors: Collection[str], heavy: Collection[str]
) -> dict[str, str]:
    """Step 3: for each operator in the file that nothing stands for, the one it went into."""
    ahead, behind = _neighbours(nodes)
    fixed = {i: node.name for i, node in enumerate(nodes) if node.name in anchors}
    found: dict[int, str] = dict(fixed)
    for i, node in enumerate(nodes):
        if i not in found and node.name in heavy:
            path = _path(i, ahead, fixed)
            for j in path[:-1]:
                found.setdefault(j, fixed[path[-1]])
    settled = dict(found)
    for i in range(len(nodes)):
        if i not in settled:
            near = _nearest(i, behind, settled) or _nearest(i, ahead, settled)
            if near is not None:
                found[i] = near
    return {nodes[i].name: name for i, name in found.items() if i not in fixed and nodes[i].name}


def _neighbours(nodes: Sequence[NodeDef]) -> tuple[_Neighbours, _Neighbours]:
    """The operators that take what each gives, and those that give what each takes."""
    makers = {value: i for i, node in enumerate(nodes) for value in node.outputs if value}
    ahead: dict[int, list[int]] = {i: [] for i in range(len(nodes))}
    behind: dict[int, list[int]] = {i: [] for i in range(len(nodes))}
    for i, node in enumerate(nodes):
        for value in node.inputs:
            if value in makers:
                ahead[makers[value]].append(i)
                behind[i].append(makers[value])
    return ahead, behind


def _nearest(start: int, edges: _Neighbours, known: Mapping[int, str]) -> str | None:
    path = _path(start, edges, known)
    return known[path[-1]] if path else None


def _path(start: int, edges: _Neighbours, known: Mapping[int, str]) -> list[int]:
    """The shortest way to one that is known, both ends on it; empty where there is none."""
    came: dict[int, int] = {start: start}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here in known:
            return _trace(here, came.__getitem__)
        for there in edges[here]:
            if there not in came:
                came[there] = here
                waiting.append(there)
    return []


def _trace(end: int, came: Callable[[int], int]) -> list[int]:
    path = [end]
    while came(path[-1]) != path[-1]:
        path.append(came(path[-1]))
    return path[::-1]
