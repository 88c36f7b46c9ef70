"""A model that scores batches of pictures: the same code on one machine and in every actor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archc.diagnostics.diagnostic import Diagnostic, Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.image_tensor import SIZE, to_tensor
from archc.runtime.model import Model, open_model
from archc.runtime.predict import is_class_scores, predict, top_k
from archc.scoring.layer_output import open_with_layer
from archc.scoring.plan import (
    FEATURES,
    INDICES,
    LOGITS,
    PROBABILITIES,
    SHAPE,
    Column,
    Plan,
    columns_of,
)
from archc.scoring.scored import Scored, as_lists
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

NO_CLASSES = Rule(
    "score/no-classes",
    "a model whose output is no list of class scores is to name classes",
    "Only a classifier gives one number for each class; other networks give features.",
)
SEVERAL_INPUTS = Rule(
    "score/several-inputs",
    "a model with several inputs is to score pictures",
    "A picture is one input; nothing says what the others would be.",
)

Tensor: TypeAlias = NDArray[Any]

_NOT_A_NUMBER = "the model gives scores that are no finite numbers"
_PROBE_SIDE = 64


@dataclass(frozen=True, slots=True)
class _Answers:
    """The outputs of a group of pictures, or why there are none."""

    scores: Tensor | None = None
    features: Tensor | None = None
    error: str | None = None


@final
class Scorer:
    """A loaded model with what is wanted of it; `open_scorer` makes one.

    Attributes:
        model: the model.
        columns: what is found for each picture.
        features_shape: the sizes of the features where they are the same for every picture.
    """

    def __init__(self, plan: Plan, model: Model, features: str | None) -> None:
        self.model = model
        self._plan = plan
        self._features = features
        self._target = model.inputs[0]
        self._fixed_batch = _fixed_batch(model)
        self.features_shape = None if features is None else _known_shape(model, features)
        self.columns: tuple[Column, ...] = columns_of(plan, self.features_shape)

    def read(self, path: str) -> Tensor | str:
        """The tensor of a picture without the batch axis, or why there is none."""
        reporter = Reporter()
        tensor = to_tensor(Path(path), self._plan.steps, self._target, reporter)
        return in_a_line(reporter.diagnostics) if isinstance(tensor, Failed) else tensor

    def score(self, pictures: Sequence[Tensor | str]) -> Scored:
        """What the model finds in pictures that `read` gave; errors are handed through.

        Pictures of the same size run together, in the order of their sizes' first appearance.
        """
        errors: list[str | None] = [p if isinstance(p, str) else None for p in pictures]
        rows: list[dict[str, Tensor]] = [{} for _ in pictures]
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, picture in enumerate(pictures):
            if not isinstance(picture, str):
                groups.setdefault(picture.shape, []).append(i)
        for members in groups.values():
            tensors = [p for i in members if not isinstance(p := pictures[i], str)]
            for some, answers in self._answers(members, np.stack(tensors)):
                for k, i in enumerate(some):
                    errors[i] = answers.error or self._fill(rows[i], answers, k)
        kept = [{} if error is not None else row for row, error in zip(rows, errors, strict=True)]
        found = {
            column.name: as_lists([row.get(column.name) for row in kept], column.element)
            for column in self.columns
            if column.element != "string"
        }
        return Scored(tuple(errors), found)

    def _answers(
        self, members: Sequence[int], batch: Tensor
    ) -> list[tuple[Sequence[int], _Answers]]:
        step = self._fixed_batch or len(batch)
        return [
            (members[start : start + step], self._run(batch[start : start + step]))
            for start in range(0, len(batch), step)
        ]

    def _run(self, batch: Tensor) -> _Answers:
        count = len(batch)
        if self._fixed_batch is not None and count < self._fixed_batch:
            batch = np.concatenate([batch, np.repeat(batch[-1:], self._fixed_batch - count, 0)])
        reporter = Reporter()
        outputs = predict(self.model, {self._target.name: batch}, reporter)
        if isinstance(outputs, Failed):
            return _Answers(error=in_a_line(reporter.diagnostics))
        scores = features = None
        if self._plan.top or self._plan.logits:
            scores = outputs[self.model.output_names[0]]
            if len(scores) != len(batch) or (self._plan.top and not is_class_scores(scores)):
                return _Answers(error=f"the model gives scores of the shape {scores.shape}")
        if self._features is not None:
            features = outputs[self._features]
            if features.ndim == 0 or len(features) != len(batch):
                return _Answers(error=f"the model gives features of the shape {features.shape}")
        return _Answers(scores, features)

    def _fill(self, row: dict[str, Tensor], answers: _Answers, k: int) -> str | None:
        """Puts the numbers of the group's k-th picture into its row, or says why it cannot."""
        if answers.scores is not None and self._plan.top:
            scores = answers.scores[k]
            if not _can_be_ranked(scores):
                return _NOT_A_NUMBER
            name = self.model.output_names[0]
            record = self.model.record
            best = top_k(scores, self._plan.top, is_probability=name in record.probabilities)
            row[INDICES] = np.array([one.index for one in best], dtype=np.int32)
            row[PROBABILITIES] = np.array([one.probability for one in best], dtype=np.float32)
        if answers.scores is not None and self._plan.logits:
            row[LOGITS] = answers.scores[k]
        if answers.features is not None:
            row[FEATURES] = answers.features[k]
            row[SHAPE] = np.array(answers.features[k].shape, dtype=np.int32)
        return None


def open_scorer(plan: Plan, reporter: Reporter, *, threads: int = 1) -> Scorer | Failed:
    """The model of a plan, loaded, with the layer whose values are wanted among its outputs.

    Reports: score/several-inputs, score/no-classes; run/input-is-no-image, run/channels,
        run/bytes-normalised where no picture at all would do; and what `open_model` and
        `open_with_layer` report.
    """
    path, features = _from_here(plan.model), None
    if plan.layer is None:
        opened = open_model(path, reporter, threads=threads)
    else:
        found = open_with_layer(path, plan.layer, reporter, threads=threads)
        if isinstance(found, Failed):
            return FAILED
        opened, features = found
    if isinstance(opened, Failed) or _takes_no_picture(plan, opened, reporter):
        return FAILED
    if plan.top and not _can_name_classes(opened):
        name = opened.output_names[0]
        return reporter.error(
            NO_CLASSES,
            f"the output `{shown(name)}` is no list of class scores",
            file_place(str(path)),
            helps=(f"keep it as features: `--features {shown(name)}`",),
        )
    return Scorer(plan, opened, features)


def in_a_line(diagnostics: Sequence[Diagnostic]) -> str:
    """The first diagnostic as a table holds it: its rule, its message and its notes."""
    first = diagnostics[0]
    return f"{first.rule.slug}: {'; '.join((first.message, *first.notes))}"


def _from_here(path: Path) -> Path:
    """The path from the current folder where it lies there, as whoever named it knows it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _takes_no_picture(plan: Plan, model: Model, reporter: Reporter) -> bool:
    """Whether no picture at all would do, which is reported once instead of for each of them."""
    if len(model.inputs) != 1:
        names = listed([entry.name for entry in model.inputs])
        message = f"the model has {len(model.inputs)} inputs: {names}"
        place = file_place(str(_from_here(plan.model)))
        helps = ("feed it from a program: `archc.session(MODEL).run(None, {…})`",)
        reporter.error(SEVERAL_INPUTS, message, place, helps=helps)
        return True
    tried = Reporter()
    blank = Image.new("RGB", (_PROBE_SIDE, _PROBE_SIDE))
    to_tensor(blank, plan.steps, model.inputs[0], tried)
    # A picture that is not resized has a size of its own, and is told about it in its row.
    found = [one for one in tried.diagnostics if one.rule.slug != SIZE.slug]
    reporter.add(found)
    return bool(found)


def _can_name_classes(model: Model) -> bool:
    shape = model.session.get_outputs()[0].shape
    if not shape:  # a model of another origin may leave it out
        return True
    return len(shape) >= 2 and shape[1] != 1 and all(size == 1 for size in shape[2:])


def _can_be_ranked(scores: Tensor) -> bool:
    # A class may be ruled out by minus infinity; NaN and infinity leave no order.
    return not bool(
        np.isnan(scores).any() or np.isposinf(scores).any() or (scores == -np.inf).all()
    )


def _fixed_batch(model: Model) -> int | None:
    shape = model.session.get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def _known_shape(model: Model, output: str) -> tuple[int, ...] | None:
    shape = next(o.shape for o in model.session.get_outputs() if o.name == output)
    sizes = tuple(size for size in shape[1:] if isinstance(size, int))
    return sizes if len(sizes) == len(shape) - 1 else None
