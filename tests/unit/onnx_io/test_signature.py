from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archc.onnx_io.signature import Port, read_signature


def model(**fields: object) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", None, 4]),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 2]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT16, None)]
    weight = numpy_helper.from_array(np.zeros((4, 2), np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "net", inputs, outputs, [weight])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **fields)


def test_a_signature_says_what_is_taken_given_and_needed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model(), path)
    found = read_signature(path)
    assert found.inputs == (Port("x", "FLOAT", ("N", None, 4)),)
    assert found.outputs == (Port("y", "FLOAT16", None),)
    assert found.opsets == {"": 17, "com.microsoft": 1}
    assert found.ir_version == 8
    assert found.external_files == ()


def test_files_of_external_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    assert read_signature(path).external_files == ("w.bin",)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08", b"\x3a\x7f"])
def test_what_is_no_model_is_a_value_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_signature(path)


def test_every_cut_is_a_value_error_or_a_signature(tmp_path: Path) -> None:
    whole = model().SerializeToString()
    path = tmp_path / "m.onnx"
    refused = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            read_signature(path)
        except ValueError:
            refused += 1
    assert refused > len(whole) // 2
