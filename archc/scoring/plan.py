"""What is wanted of every picture, and the columns that it fills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from archc.runtime.preprocess import Preprocess

FEATURES = "features"
"""The column, and the added output, of a layer's values."""

ROW, PATH, ERROR = "row", "path", "error"
LABELS, INDICES, PROBABILITIES = "labels", "indices", "probabilities"
LOGITS, SHAPE = "logits", "features_shape"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted of every picture; with it alone, any process can score.

    Attributes:
        model: the model's file.
        steps: how a picture becomes the model's input.
        top: how many classes are kept of each picture; 0 for no predictions.
        logits: whether the scores of all classes are kept as the model gives them.
        layer: an output of the model, or the path of a layer, whose values are kept as features.
        batch: the pictures of one run of the model.
    """

    model: Path
    steps: Preprocess
    top: int = 5
    logits: bool = False
    layer: str | None = None
    batch: int = 8


class Column(NamedTuple):
    """A column of the result beside `row`, `path` and `error`: a list for each picture."""

    name: str
    element: Literal["string", "int32", "float32"]
    meaning: str


LEADING = {
    ROW: "the number of the picture in the order of the job, from 0",
    PATH: "the picture's path as it was given; bytes that are no UTF-8 are shown as \\xNN",
    ERROR: "why the picture has no answer; null where it has one",
}
"""The meanings of the columns that every result has."""


def columns_of(plan: Plan, features_shape: tuple[int, ...] | None) -> tuple[Column, ...]:
    """The columns that a plan fills; the shape is that of features where all pictures share it."""
    found: list[Column] = []
    if plan.top:
        found += [
            Column(LABELS, "string", "the names of the most probable classes, the best first"),
            Column(INDICES, "int32", "the numbers of these classes"),
            Column(PROBABILITIES, "float32", "their probabilities, from 0 to 1"),
        ]
    if plan.logits:
        found.append(Column(LOGITS, "float32", "the model's output as it is, one number a class"))
    if plan.layer is not None:
        sizes = "" if features_shape is None else f" {features_shape}"
        meaning = f"the values{sizes} of `{plan.layer}`, the last axis fastest"
        found.append(Column(FEATURES, "float32", meaning))
        if features_shape is None:
            found.append(Column(SHAPE, "int32", "the sizes of the features' axes"))
    return tuple(found)
