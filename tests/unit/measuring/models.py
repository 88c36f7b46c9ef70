"""Small models for measuring: a spec, and files of another program."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

POOL = """
archc: 1
name: net
input: {image: {shape: [3, H, W], where: {H: {min: 32, multiple_of: 32, default: 64},
                                          W: {min: 32, multiple_of: 32, default: 64}}}}
layers:
  stem:
    layers:
      conv: {conv: 8, kernel: 3, padding: 1, bias: false}
      bn: batch_norm
      act: relu
  pool: {global_avg_pool: false}
  fc: {dense: 4}
outputs: {logits: fc}
"""


def write_foreign(path: Path, dims: tuple[int | str, ...]) -> None:
    """A model of another program, which halves its input."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name in ("image", "half")
    ]
    node = helper.make_node("Mul", ["image", "factor"], ["half"], name="/halve/Mul")
    factor = helper.make_tensor("factor", TensorProto.FLOAT, (), [0.5])
    graph = helper.make_graph([node], "foreign", values[:1], values[1:], [factor])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
