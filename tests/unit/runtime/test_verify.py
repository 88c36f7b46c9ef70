from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.difference import OutputDifference, difference
from archc.runtime.metadata import ModelRecord, format_metadata
from archc.runtime.model import Model, open_model
from archc.runtime.model_input import ModelInput
from archc.runtime.verify import Verification, verify
from archc.shapes.tensor_type import DType
from tests.unit.runtime.reporting import only, rules
from tests.unit.runtime.tiny_models import dense_answer, images, write_dense

PLACE = Place(Span(Source("answers.npz", ""), 1, 1, 1, 1))


def opened(path: Path) -> Model:
    model = open_model(path, Reporter())
    assert not isinstance(model, Failed)
    return model


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return opened(write_dense(tmp_path / "m.onnx"))


def saved(model: Model, **arrays: object) -> Path:
    path = model.path.with_suffix(".npz")
    named: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    np.savez(path, **named)
    return path


def verified(model: Model, **arrays: object) -> Verification:
    reporter = Reporter()
    found = verify(model, saved(model, **arrays), reporter)
    assert not reporter.diagnostics
    assert not isinstance(found, Failed)
    return found


def refusal(model: Model, **arrays: object) -> Reporter:
    reporter = Reporter()
    assert verify(model, saved(model, **arrays), reporter) is FAILED
    return reporter


@pytest.mark.parametrize("name", ["image", "input"])
def test_a_faithful_model_is_close(model: Model, name: str) -> None:
    found = verified(model, **{name: images(3), "logits": dense_answer(images(3))})
    (logits,) = found.outputs
    assert found.is_close
    assert (logits.name, logits.samples, logits.same_top) == ("logits", 3, 3)
    assert logits.worst < 1e-5
    assert found.unanswered == ("classes",)
    assert found.unused == ()


def test_the_worst_element_is_found(model: Model) -> None:
    answer = dense_answer(images(3))
    answer[2, 1] += 0.5
    answer[0, 0] -= 0.25
    (logits,) = verified(model, image=images(3), logits=answer).outputs
    assert not logits.is_close
    assert logits.where == (2, 1)
    assert logits.worst == pytest.approx(0.5)
    assert logits.relative == pytest.approx(0.5 / np.abs(answer).max())


def test_tolerance_is_a_share_of_the_largest_answer(model: Model) -> None:
    answer = dense_answer(images(2))
    answer[0, 2] += 0.01 * np.abs(answer).max()
    path = saved(model, image=images(2), logits=answer)
    for tolerance, expected in [(0.02, True), (0.005, False)]:
        found = verify(model, path, Reporter(), tolerance=tolerance)
        assert not isinstance(found, Failed)
        assert found.is_close is expected


def test_whole_numbers_must_be_equal(model: Model) -> None:
    classes = dense_answer(images(2)).argmax(1)
    assert verified(model, image=images(2), classes=classes).is_close
    assert not verified(model, image=images(2), classes=classes + np.array([0, 1])).is_close


def test_several_outputs_are_compared_and_extra_arrays_named(model: Model) -> None:
    answer = dense_answer(images(2))
    found = verified(
        model, image=images(2), logits=answer, classes=answer.argmax(1), seed=np.array(7)
    )
    assert [output.name for output in found.outputs] == ["logits", "classes"]
    assert found.unused == ("seed",)
    assert found.unanswered == ()


def test_another_largest_class_is_counted(model: Model) -> None:
    answer = dense_answer(images(2))
    answer[1, 2] = answer.max() + 1
    (logits,) = verified(model, image=images(2), logits=answer).outputs
    assert logits.same_top == 1


def test_double_precision_answers_are_taken(model: Model) -> None:
    image = images(2).astype(np.float64)
    assert verified(model, image=image, logits=dense_answer(image).astype(np.float64)).is_close


def test_channels_first_answers_fit_a_channels_last_model(tmp_path: Path) -> None:
    record = ModelRecord(version="1", inputs=(ModelInput("image", (1, 2, 2), nhwc=True),))
    path = write_dense(tmp_path / "m.onnx", metadata=format_metadata(record), channels_last=True)
    last = opened(path)
    answer = dense_answer(images(3))
    assert verified(last, image=images(3), logits=answer).is_close
    assert verified(last, image=images(3).transpose(0, 2, 3, 1), logits=answer).is_close


def test_a_byte_input_takes_whole_numbers_alone(tmp_path: Path) -> None:
    model = opened(write_dense(tmp_path / "m.onnx", element_type=TensorProto.UINT8))
    assert model.inputs[0].dtype is DType.UINT8
    image = np.array([0, 255, 7, 30], dtype=np.float32).reshape(1, 1, 2, 2)
    assert verified(model, image=image, logits=dense_answer(image)).is_close
    for wrong in (image + 0.5, image - 1, image + 1, image * np.nan):
        assert rules(refusal(model, image=wrong, logits=dense_answer(image))) == [
            "verify/input-values"
        ]


def test_a_missing_input_gets_the_nearest_name(model: Model) -> None:
    found = only(refusal(model, imgae=images(2), logits=dense_answer(images(2))))
    assert found.rule.slug == "verify/missing-input"
    assert found.helps == ("did you mean `imgae`?",)


def test_both_missing_input_and_missing_output_are_reported(model: Model) -> None:
    assert sorted(rules(refusal(model, other=images(1)))) == [
        "verify/missing-input",
        "verify/missing-output",
    ]


@pytest.mark.parametrize("shape", [(2, 1, 2, 3), (2, 3, 2, 2), (2, 4), (4,), (), (0, 1, 2, 2)])
def test_another_input_shape_is_reported(model: Model, shape: tuple[int, ...]) -> None:
    reporter = refusal(model, image=np.zeros(shape), logits=np.zeros((2, 3)))
    assert rules(reporter) == ["verify/input-shape"]


@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (6,), (2, 3, 1)])
def test_another_output_shape_is_reported(model: Model, shape: tuple[int, ...]) -> None:
    reporter = refusal(model, image=images(2), logits=np.zeros(shape))
    assert rules(reporter) == ["verify/output-shape"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_reported(model: Model, value: float) -> None:
    answer = dense_answer(images(2))
    answer[1, 1] = value
    assert rules(refusal(model, image=images(2), logits=answer)) == ["verify/not-finite"]


def apart(answer: list[float], output: list[float], dtype: str = "float32") -> OutputDifference:
    found = difference(
        "y", np.array([answer], dtype=dtype), np.array([output], dtype=dtype), PLACE, Reporter()
    )
    assert not isinstance(found, Failed)
    return found


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_no_number_is_never_close(value: float) -> None:
    found = apart([1, 2], [1, value])
    assert found.worst == np.inf
    assert found.where == (0, 1)
    assert not found.is_close


def test_zeros_are_close_to_zeros_alone() -> None:
    assert apart([0, 0], [0, 0]).is_close
    assert not apart([0, 0], [0, 1e-3]).is_close


def test_half_precision_has_a_wider_tolerance() -> None:
    assert apart([1, 2], [1, 2.01], "float16").is_close
    assert not apart([1, 2], [1, 2.01]).is_close
    assert not apart([1, 2], [1, 2.1], "float16").is_close
