from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.metadata import ModelRecord, format_metadata
from archc.runtime.model import Model, open_model
from archc.runtime.model_input import Admitted, ModelInput
from archc.shapes.tensor_type import DType
from tests.unit.runtime.reporting import only, rules
from tests.unit.runtime.tiny_models import write_dense


def opened(path: Path) -> Model:
    reporter = Reporter()
    model = open_model(path, reporter)
    assert not reporter.diagnostics
    assert not isinstance(model, Failed)
    return model


def test_recorded_inputs_are_the_models(tmp_path: Path) -> None:
    record = ModelRecord(
        version="0.1.0",
        labels=("a", "b", "c"),
        inputs=(ModelInput("image", (1, "H", 2), nhwc=True, where={"H": Admitted(2)}),),
    )
    path = write_dense(
        tmp_path / "m.onnx",
        metadata=format_metadata(record),
        sides=("H", 2),
        channels_last=True,
    )
    model = opened(path)
    assert model.record == record
    assert model.inputs == record.inputs
    assert model.output_names == ("logits", "classes")


@pytest.mark.parametrize(
    ("element_type", "dtype"),
    [
        (TensorProto.FLOAT, DType.FLOAT32),
        (TensorProto.FLOAT16, DType.FLOAT16),
        (TensorProto.UINT8, DType.UINT8),
    ],
)
def test_a_foreign_model_has_its_declared_inputs(
    tmp_path: Path, element_type: int, dtype: DType
) -> None:
    path = write_dense(tmp_path / "m.onnx", element_type=element_type, sides=("H", 2))
    model = opened(path)
    assert model.inputs == (ModelInput("image", (1, "H", 2), dtype),)
    assert not model.record.is_from_archc


def test_a_record_of_other_inputs_is_passed_over(tmp_path: Path) -> None:
    record = ModelRecord(version="1", inputs=(ModelInput("other", (5,)),))
    path = write_dense(tmp_path / "m.onnx", metadata=format_metadata(record))
    assert opened(path).inputs == (ModelInput("image", (1, 2, 2)),)


def test_elements_that_cannot_be_fed_are_reported(tmp_path: Path) -> None:
    reporter = Reporter()
    path = write_dense(tmp_path / "m.onnx", element_type=TensorProto.DOUBLE)
    assert open_model(path, reporter) is FAILED
    assert only(reporter).rule.slug == "run/input-type"
    assert "tensor(double)" in only(reporter).message


def test_a_missing_model_is_reported(tmp_path: Path) -> None:
    reporter = Reporter()
    assert open_model(tmp_path / "none.onnx", reporter) is FAILED
    assert rules(reporter) == ["run/no-such-file"]


@pytest.mark.parametrize("content", [b"", b"archc: 1\nname: net\n", b"\x08\x08" * 50])
def test_another_file_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    reporter = Reporter()
    assert open_model(path, reporter) is FAILED
    assert rules(reporter) == ["run/not-a-model"]
