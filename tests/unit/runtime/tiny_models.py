"""Models of one dense layer, built with onnx itself, and pictures of few pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.array([[1, 2, 3, 4], [0, 1, 0, -1], [0.5, 0, 0.5, 0]], dtype=np.float32)
BIAS = np.array([0.25, 0, -0.25], dtype=np.float32)


def dense_answer(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """What the model of `write_dense` gives for images (N, 1, 2, 2)."""
    answer: NDArray[np.float32] = image.reshape(len(image), 4).astype(np.float32) @ WEIGHT.T + BIAS
    return answer


def write_dense(
    path: Path,
    *,
    element_type: int = TensorProto.FLOAT,
    metadata: Mapping[str, str] | None = None,
    sides: tuple[int | str, int | str] = (2, 2),
    channels_last: bool = False,
) -> Path:
    """A model from `image` (N, 1, 2, 2) to `logits` (N, 3) and `classes` (N), written to a file."""
    shape = ["N", *sides, 1] if channels_last else ["N", 1, *sides]
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], transB=1),
        helper.make_node("ArgMax", ["logits"], ["classes"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", element_type, shape)],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("classes", TensorProto.INT64, ["N"]),
        ],
        [numpy_helper.from_array(WEIGHT, "fc.weight"), numpy_helper.from_array(BIAS, "fc.bias")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, path)
    return path


def images(count: int = 2) -> NDArray[np.float32]:
    """Some images (N, 1, 2, 2)."""
    return np.linspace(-1, 2, 4 * count, dtype=np.float32).reshape(count, 1, 2, 2)
