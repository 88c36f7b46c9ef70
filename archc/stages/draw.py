"""Graph to bound graph without a checkpoint: every weight is drawn.

Input: a `Graph` and a seed. Output: a `BoundGraph`. Afterwards: each weight has a source that gives
the same elements for the same seed and name; nothing is drawn yet.
"""

from __future__ import annotations

from archc.graph.graph import BoundGraph, Graph
from archc.weights.draw import DrawnWeight


def bind_drawn(graph: Graph, seed: int) -> BoundGraph:
    """The graph with weights drawn from a seed; trained only where there is nothing to learn."""
    owned = graph.owned_weights()
    sources = {name: DrawnWeight(weight, name, seed) for name, (_, weight) in owned.items()}
    return BoundGraph(graph, sources, is_trained=not owned, seed=seed if owned else None)
