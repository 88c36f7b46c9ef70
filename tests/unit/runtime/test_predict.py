from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.model import Model, open_model
from archc.runtime.predict import is_class_scores, predict, softmax, top_k
from tests.unit.runtime.reporting import only
from tests.unit.runtime.tiny_models import dense_answer, images, write_dense


@pytest.fixture
def model(tmp_path: Path) -> Model:
    opened = open_model(write_dense(tmp_path / "m.onnx"), Reporter())
    assert not isinstance(opened, Failed)
    return opened


def test_outputs_come_by_name(model: Model) -> None:
    outputs = predict(model, {"image": images(3)}, Reporter())
    assert not isinstance(outputs, Failed)
    assert outputs["logits"].ravel().tolist() == pytest.approx(dense_answer(images(3)).ravel())
    assert outputs["classes"].tolist() == dense_answer(images(3)).argmax(1).tolist()


def test_what_onnx_runtime_refuses_is_reported(model: Model) -> None:
    reporter = Reporter()
    wrong = np.zeros((1, 1, 3, 3), dtype=np.float32)
    assert predict(model, {"image": wrong}, reporter) is FAILED
    assert only(reporter).rule.slug == "run/failed"
    assert only(reporter).notes


def test_top_k_are_the_softmaxs_largest() -> None:
    scores = np.log(np.array([0.1, 0.6, 0.3], dtype=np.float32))
    best, second = top_k(scores, 2, ["a", "b", "c"])
    assert (best.label, best.index) == ("b", 1)
    assert best.probability == pytest.approx(0.6)
    assert second.label == "c"
    assert second.probability == pytest.approx(0.3)


def test_probabilities_are_not_softened_again() -> None:
    (best,) = top_k(np.array([0.25, 0.75]), 1, is_probability=True)
    assert best.probability == 0.75


def test_large_scores_do_not_overflow() -> None:
    found = top_k(np.array([1e4, -1e4, 1e4], dtype=np.float32), 3)
    assert [p.probability for p in found] == [0.5, 0.5, 0.0]


def test_equal_scores_keep_the_order_of_classes() -> None:
    assert [p.index for p in top_k(np.zeros(5), 3)] == [0, 1, 2]


def test_a_class_without_label_is_called_by_its_index() -> None:
    assert [p.label for p in top_k(np.array([0, 2, 1]), 3, ["zero", "one"])] == ["one", "2", "zero"]


@pytest.mark.parametrize(("k", "count"), [(0, 0), (-1, 0), (2, 2), (99, 3)])
def test_there_are_no_more_than_there_are_classes(k: int, count: int) -> None:
    assert len(top_k(np.zeros((3, 1, 1)), k)) == count


def test_softmax_sums_to_one_along_the_last_axis() -> None:
    shares = softmax(np.array([[1, 2], [3, 3]], dtype=np.float16))
    assert shares.sum(axis=1) == pytest.approx([1, 1])
    assert shares[1].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 10), True),
        ((1, 10, 1, 1), True),
        ((2, 1), False),
        ((2, 21, 8, 8), False),
        ((2,), False),
        ((0, 10), False),
    ],
)
def test_class_scores_have_one_number_a_class(shape: tuple[int, ...], expected: bool) -> None:
    assert is_class_scores(np.zeros(shape)) is expected
