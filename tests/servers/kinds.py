"""A model with an input of every element type, each given back as it came."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

KINDS = {
    "bool": (TensorProto.BOOL, "TYPE_BOOL"),
    "uint8": (TensorProto.UINT8, "TYPE_UINT8"),
    "uint16": (TensorProto.UINT16, "TYPE_UINT16"),
    "int8": (TensorProto.INT8, "TYPE_INT8"),
    "int32": (TensorProto.INT32, "TYPE_INT32"),
    "int64": (TensorProto.INT64, "TYPE_INT64"),
    "float16": (TensorProto.FLOAT16, "TYPE_FP16"),
    "float32": (TensorProto.FLOAT, "TYPE_FP32"),
    "float64": (TensorProto.DOUBLE, "TYPE_FP64"),
}
"""The element types by numpy's names."""


def write_kinds(folder: Path) -> None:
    """Writes the model's folder of a repository of Triton's."""
    inputs, outputs, nodes = [], [], []
    tensors: dict[str, list[str]] = {"input": [], "output": []}
    for name, (element, kind) in KINDS.items():
        inputs.append(helper.make_tensor_value_info(name, element, ["N", 2]))
        outputs.append(helper.make_tensor_value_info(f"{name}_out", element, ["N", 2]))
        nodes.append(helper.make_node("Identity", [name], [f"{name}_out"]))
        tensors["input"].append(f'{{ name: "{name}" data_type: {kind} dims: [ 2 ] }}')
        tensors["output"].append(f'{{ name: "{name}_out" data_type: {kind} dims: [ 2 ] }}')
    graph = helper.make_graph(nodes, "kinds", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "1").mkdir(parents=True)
    onnx.save(model, folder / "1" / "model.onnx")
    listed = "\n".join(f"{key} [ {', '.join(texts)} ]" for key, texts in tensors.items())
    (folder / "config.pbtxt").write_text(
        f'name: "kinds"\nbackend: "onnxruntime"\nmax_batch_size: 8\n{listed}\n'
        "instance_group [ { count: 1 kind: KIND_CPU } ]\ndynamic_batching { }\n"
    )
