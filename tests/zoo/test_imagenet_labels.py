from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo import reference

LABELS = Path(__file__).parents[2] / "specs" / "imagenet_labels.txt"


def labels() -> list[str]:
    return LABELS.read_text(encoding="utf-8").splitlines()


def test_there_are_a_thousand_different_classes() -> None:
    assert len(labels()) == 1000
    assert len(set(labels())) == 1000
    assert all(label and label == label.strip() for label in labels())


@pytest.mark.parametrize(
    ("index", "label"), [(0, "tench"), (134, "crane bird"), (517, "crane"), (999, "toilet tissue")]
)
def test_classes_stand_in_imagenets_order(index: int, label: str) -> None:
    assert labels()[index] == label


@pytest.mark.oracle
def test_classes_are_torchvisions() -> None:
    reference._torchvision()
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    assert labels() == _IMAGENET_CATEGORIES
