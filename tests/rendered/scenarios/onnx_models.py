"""ONNX models that are refused, and weights that do not fit them."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from archc.diagnostics.reporter import Reporter
from archc.onnx_io import model_file
from archc.runtime.metadata import ModelRecord, PrecisionRecord, format_metadata
from tests.packages.building import draw_weights, write_checkpoint
from tests.rendered.scenarios import Scene, scenario

_EXTRACT = ["weights", "extract", "net.onnx"]
_SWAP = ["weights", "swap", "net.onnx", "net.safetensors", "-o", "new.onnx"]


def _model(weight: TensorProto, constant: TensorProto | None = None) -> ModelProto:
    """A model of a dense layer without bias."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])
    nodes = [helper.make_node("Gemm", ["x", "fc.weight"], ["y"], transB=1)]
    if constant is not None:
        nodes.append(helper.make_node("Constant", [], ["c"], value=constant))
    graph = helper.make_graph(nodes, "net", [value], [output], [weight])
    return helper.make_model(graph, ir_version=8)


def _weight() -> TensorProto:
    return numpy_helper.from_array(np.ones((3, 4), np.float32), "fc.weight")


def _beside(location: str) -> TensorProto:
    tensor = TensorProto(
        name="fc.weight", data_type=TensorProto.FLOAT, dims=[3, 4],
        data_location=TensorProto.EXTERNAL,
    )  # fmt: skip
    tensor.external_data.add(key="location", value=location)
    return tensor


def _write(folder: Path, model: ModelProto) -> None:
    (folder / "net.onnx").write_bytes(model.SerializeToString())


def _block(field: int, content: bytes) -> bytes:
    """A message as a field of another, in protobuf's encoding."""
    length, encoded = len(content), bytearray([field << 3 | 2])
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(encoded) + bytes([length]) + content


@scenario("onnx/unreadable")
def unreadable(folder: Path) -> Scene:
    _write(folder, _model(_weight()))
    write_checkpoint(folder, draw_weights({"fc.weight": (3, 4)}))
    return ["weights", "swap", "nte.onnx", *_SWAP[3:]]


@scenario("onnx/malformed")
def malformed(folder: Path) -> Scene:
    weight = _weight()
    weight.raw_data = weight.raw_data[:40]
    _write(folder, _model(weight))
    return _EXTRACT


@scenario("onnx/external-data")
def external_data(folder: Path) -> Scene:
    _write(folder, _model(_beside("../../.ssh/id_rsa")))
    return _EXTRACT


@scenario("onnx/nested-external-data")
def nested_external_data(folder: Path) -> Scene:
    _write(folder, _model(_weight(), _beside("constants.bin")))
    return _EXTRACT


@scenario("onnx/too-deep")
def too_deep(folder: Path) -> Scene:
    graph = b""
    for _ in range(50):
        graph = _block(1, _block(4, b"If") + _block(5, _block(6, graph)))
    (folder / "net.onnx").write_bytes(b"\x08\x08" + _block(7, graph))
    return _EXTRACT


@scenario("onnx/too-many-entries")
def too_many_entries(folder: Path) -> Scene:
    _write(folder, _model(_weight()))
    reporter = Reporter()
    with patch.object(model_file, "MAX_ENTRIES", 3):  # a million would take seconds
        model_file.open_model_file(Path("net.onnx"), reporter)
    return reporter.diagnostics


@scenario("swap/eight-bits")
def eight_bits(folder: Path) -> Scene:
    model = _model(_weight())
    record = ModelRecord(version="1", precision=PrecisionRecord("int8"))
    helper.set_model_props(model, format_metadata(record))
    _write(folder, model)
    write_checkpoint(folder, draw_weights({"fc.weight": (3, 4)}))
    return _SWAP


@scenario("swap/mismatch")
def mismatch(folder: Path) -> Scene:
    _write(folder, _model(_weight()))
    write_checkpoint(folder, draw_weights({"fc.weight": (5, 4), "fc.bias": (5,)}))
    return _SWAP
