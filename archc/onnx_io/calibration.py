"""Small models that keep a processor busy: a product of matrices, and a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE = 384
CHANNELS, MAP = 128, 14
"""Large enough for the fastest kernels, and done in a fraction of a millisecond, so that some runs
are not interrupted however busy the machine is."""

_OPSET, _IR = 17, 8

Shape = tuple[int, ...]


def calibration_models() -> dict[str, tuple[bytes, Shape, int]]:
    """Each model with the shape of its input `x` and the multiply-accumulates of a run."""
    square, picture = (SIDE, SIDE), (1, CHANNELS, MAP, MAP)
    return {
        "MatMul": (_model("MatMul", square, square), square, SIDE**3),
        "Conv": (
            _model("Conv", picture, (CHANNELS, CHANNELS, 3, 3), pads=[1, 1, 1, 1]),
            picture,
            CHANNELS * CHANNELS * 9 * MAP * MAP,
        ),
    }


def _model(op: str, shape: Shape, weight: Shape, **attributes: Any) -> bytes:
    values: NDArray[np.float32] = np.full(weight, 1e-3, np.float32)
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"], **attributes)],
        "calibration",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(values, "w")],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    made: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
    encoded: bytes = made.SerializeToString()
    return encoded
