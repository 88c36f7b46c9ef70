"""Metadata and structure are read without the weights."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from archc.diagnostics.reporter import Reporter
from archc.onnx_io.reader import read_metadata, read_structure
from archc.onnx_io.writer import write_model
from tests.unit.onnx_io.building import NOWHERE, conv_model, written


def test_a_structure_has_weights_as_inputs_and_keeps_small_constants() -> None:
    structure = read_structure(written(conv_model(c_out=20)))
    proto = onnx.load_model_from_string(structure)
    assert [i.name for i in proto.graph.initializer] == ["stem.conv.bias"]
    names = {i.name: i.type.tensor_type for i in proto.graph.input}
    assert set(names) == {"stem.conv.weight", "image"}
    weight = names["stem.conv.weight"]
    assert [d.dim_value for d in weight.shape.dim] == [20, 3, 3, 3]
    assert weight.elem_type == onnx.TensorProto.FLOAT
    assert len(structure) < 1024
    onnx.checker.check_model(structure, full_check=True)


def test_a_structure_does_not_need_external_weights(tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    write_model(conv_model(), target, reporter=Reporter(), place=NOWHERE, external=True)
    (tmp_path / "net.onnx.data").unlink()
    proto = onnx.load_model_from_string(read_structure(target))
    assert len(proto.graph.initializer) == 0
    assert len(proto.graph.input) == 3


def test_metadata_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    properties = {"zoo": "1", "labels": "kočka\npes", "": "empty key", "empty": ""}
    target = tmp_path / "net.onnx"
    target.write_bytes(written(conv_model(metadata=properties)))
    assert list(read_metadata(target).items()) == list(properties.items())
    by_onnx = {p.key: p.value for p in onnx.load_model(str(target)).metadata_props}
    assert by_onnx == properties


@pytest.mark.parametrize("end", [1, 20, 100, -10])
def test_a_file_that_is_cut_off_is_refused(end: int) -> None:
    data = written(conv_model(metadata={"key": "some value"}))[:end]
    with pytest.raises(ValueError, match=r"byte|number"):
        read_metadata(data)


@pytest.mark.parametrize("data", [b"\x0f", b"\x09\0\0", b"\x0d\0\0\0", b"\xff" * 12, b"\x08\x80"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"wire type|number|beyond"):
        read_structure(data)
