from __future__ import annotations

import pytest

from archc.runtime.metadata import ModelRecord, PolicyRecord, format_metadata, parse_metadata
from archc.runtime.model_input import Admitted, ModelInput
from archc.runtime.preprocess import Preprocess
from archc.shapes.tensor_type import DType

FULL = ModelRecord(
    version="0.1.0",
    spec="lenet5",
    spec_digest="sha256:ab",
    variant="small",
    parameters={"classes": 10, "depths": [3, 4], "block": "basic", "width": 0.5, "bias": True},
    weights_digest="sha256:cd",
    preprocess=Preprocess(resize=256, crop=(224, 192), mean=(0.4, 0.5, 0.6)),
    labels=("zéro", "one"),
    is_trained=False,
    seed=7,
    probabilities=frozenset({"probs"}),
    inputs=(
        ModelInput(
            "image",
            (3, "H", 64),
            DType.UINT8,
            nhwc=True,
            where={"H": Admitted(least=33, multiple_of=32, remainder=1, default=225)},
        ),
        ModelInput("extra", (4,), DType.FLOAT16),
    ),
    policies=(
        PolicyRecord("prefix", "net."),
        PolicyRecord("head", "init", ("fc.weight", "fc.bias")),
    ),
)


def test_a_record_survives_its_properties() -> None:
    properties = format_metadata(FULL)
    assert parse_metadata(properties) == FULL
    assert all(key.startswith("archc.") for key in properties)


def test_what_a_record_lacks_is_not_written() -> None:
    assert format_metadata(ModelRecord(version="1")) == {"archc.version": "1"}


def test_properties_are_read_as_they_are_written() -> None:
    record = parse_metadata(
        {
            "archc.version": "0.1.0",
            "archc.trained": "true",
            "archc.labels": '["cat", "dog"]',
            "archc.preprocess": '{"resize": [32, 32], "color": "gray"}',
            "archc.ends_in_softmax": '["probs"]',
            "archc.inputs": '[{"name": "image", "shape": [3, "H", "W"], "layout": "nhwc"}]',
        }
    )
    assert record.is_from_archc
    assert record.is_trained is True
    assert record.labels == ("cat", "dog")
    assert record.preprocess == Preprocess(resize=(32, 32), color="gray")
    assert record.probabilities == {"probs"}
    assert record.inputs == (ModelInput("image", (3, "H", "W"), nhwc=True),)
    assert not record.damaged


@pytest.mark.parametrize("properties", [{}, {"author": "someone", "labels": "[1, 2]"}])
def test_a_foreign_model_has_an_empty_record(properties: dict[str, str]) -> None:
    assert parse_metadata(properties) == ModelRecord()
    assert not parse_metadata(properties).is_from_archc


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("archc.labels", "cat, dog"),
        ("archc.labels", "[1, 2]"),
        ("archc.labels", "[" * 100_000),
        ("archc.preprocess", '{"resize": "big"}'),
        ("archc.preprocess", '{"std": 0}'),
        ("archc.parameters", "[]"),
        ("archc.trained", "yes"),
        ("archc.seed", "0.5"),
        ("archc.inputs", '[{"name": "image"}]'),
        ("archc.inputs", '[{"name": "image", "shape": [0]}]'),
        ("archc.inputs", '[{"name": "image", "shape": [3], "where": {"H": {"multiple_of": 0}}}]'),
    ],
)
def test_damaged_properties_are_named_and_the_rest_is_read(key: str, value: str) -> None:
    record = parse_metadata({"archc.version": "9", key: value})
    assert record.damaged == (key,)
    assert record == ModelRecord(version="9", damaged=(key,))
