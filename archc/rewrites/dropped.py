"""What a model lacks of its spec before any rewrite: lowering writes no operator for it."""

from __future__ import annotations

from archc.graph.graph import Graph
from archc.onnx_io.model import ModelDef
from archc.rewrites.operators import main_layer


def dropped(graph: Graph, lowered: ModelDef) -> dict[str, str]:
    """Why each layer that is dropped is not there, by its path.

    Of the layers that no output needs, those with weights; a warning names every one.

    Args:
        graph: the network.
        lowered: its model, one to one.
    """
    unneeded = sorted({name.rpartition(".")[0] for name in graph.left_out})
    written = {main_layer(node.name) for node in lowered.nodes}
    idle = (node.name for node in graph.nodes if node.name not in written)
    return {
        **dict.fromkeys(unneeded, "no output needs it"),
        **dict.fromkeys(idle, "does nothing at inference"),
    }
