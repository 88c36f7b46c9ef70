"""Comparison of a model's outputs with known answers, such as a reference implementation's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.answers import Answers, read_answers
from archc.runtime.difference import NO_BATCH, TOLERANCES, OutputDifference, difference
from archc.runtime.model import Model
from archc.runtime.model_input import ModelInput
from archc.runtime.predict import predict
from archc.shapes.tensor_type import DType
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

MISSING_INPUT = Rule(
    "verify/missing-input",
    "answers without the input that they answer",
    "An answer can be compared only when the model is given what it answers.",
)
MISSING_OUTPUT = Rule(
    "verify/missing-output",
    "answers without any output of the model",
    "Answers are found by the outputs' names; nothing compared is nothing verified.",
)
INPUT_SHAPE = Rule(
    "verify/input-shape",
    "an input in the answers has a shape that the model does not take",
    "The answers belong to another network, or to another size of it.",
)
INPUT_VALUES = Rule(
    "verify/input-values",
    "an input in the answers has values that the model's element type does not hold",
    "A `uint8` input takes whole numbers from 0 to 255; rounding them would change the question.",
)
ONLY_INPUT = "input"
"""The name that answers may use for the input of a model that has one."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The comparison of a model with its answers.

    Attributes:
        outputs: the outputs that have an answer.
        unanswered: the outputs without one.
        unused: the names of arrays in the answers that belong to nothing in the model.
    """

    outputs: tuple[OutputDifference, ...]
    unanswered: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def is_close(self) -> bool:
        """Whether every output is within its tolerance."""
        return all(output.is_close for output in self.outputs)


def verify(
    model: Model, answers: Path, reporter: Reporter, *, tolerance: float | None = None
) -> Verification | Failed:
    """The comparison of a model with the answers in an `.npz` file.

    The file holds a batch for every input, under its name (or `input`, for a single one), and
    answers under the names of outputs; other arrays are passed over. An input may be channels
    first even where the model takes channels last. The tolerance is a share of an answer's largest
    magnitude. If left out, it is that of float16 for a model that records that it computes in
    that, and else follows the output's element type.

    Reports: run/no-such-file, run/failed, verify/not-answers, verify/answers-too-large,
        verify/missing-input, verify/missing-output, verify/input-shape, verify/input-values,
        verify/output-shape, verify/not-finite.
    """
    wanted = {ONLY_INPUT, *(entry.name for entry in model.inputs), *model.output_names}
    known = read_answers(answers, wanted, reporter)
    if isinstance(known, Failed):
        return known
    place = file_place(str(answers))
    feeds = _feeds(model, known, place, reporter)
    expected = _expected(model, known, place, reporter)
    if isinstance(feeds, Failed):
        return feeds
    if isinstance(expected, Failed):
        return expected
    actual = predict(model, feeds, reporter)
    if isinstance(actual, Failed):
        return actual
    if tolerance is None and is_in(model, "fp16"):
        tolerance = TOLERANCES["float16"]
    differences: list[OutputDifference] = []
    for name, answer in expected.items():
        found = difference(name, answer, actual[name], place, reporter, tolerance=tolerance)
        if isinstance(found, Failed):
            return found
        differences.append(found)
    used = {ONLY_INPUT, *feeds, *expected}
    return Verification(
        outputs=tuple(differences),
        unanswered=tuple(name for name in model.output_names if name not in expected),
        unused=tuple(name for name in known.names if name not in used),
    )


def is_in(model: Model, precision: str) -> bool:
    """Whether a model records that it was built in a precision, `fp16` or `int8`."""
    record = model.record.precision
    return record is not None and record.kind == precision


def _expected(
    model: Model, known: Answers, place: Place, reporter: Reporter
) -> Mapping[str, NDArray[np.generic]] | Failed:
    found = {name: known.arrays[name] for name in model.output_names if name in known.arrays}
    if found:
        return found
    return reporter.error(
        MISSING_OUTPUT,
        f"the answers hold none of the outputs {listed(list(model.output_names))}",
        place,
        notes=(f"they hold {listed(list(known.names)) or 'nothing'}",),
        helps=did_you_mean(model.output_names[0], known.names),
    )


def _feeds(
    model: Model, known: Answers, place: Place, reporter: Reporter
) -> Mapping[str, NDArray[np.generic]] | Failed:
    feeds: dict[str, NDArray[np.generic]] = {}
    for target in model.inputs:
        array = known.arrays.get(target.name)
        if array is None and len(model.inputs) == 1:
            array = known.arrays.get(ONLY_INPUT)
        if array is None:
            return reporter.error(
                MISSING_INPUT,
                f"the answers hold no input `{shown(target.name)}`",
                place,
                notes=(f"they hold {listed(list(known.names)) or 'nothing'}",),
                helps=did_you_mean(target.name, known.names),
            )
        fed = _feed(array, target, place, reporter)
        if isinstance(fed, Failed):
            return fed
        feeds[target.name] = fed
    return feeds


def _feed(
    array: NDArray[np.generic], target: ModelInput, place: Place, reporter: Reporter
) -> NDArray[np.generic] | Failed:
    sizes = array.shape[1:]
    as_fed = (sizes[-1], *sizes[:-1]) if target.nhwc and sizes else sizes
    conflict = target.conflict(as_fed)
    if conflict is not None and target.nhwc and target.conflict(sizes) is None:
        array, conflict = np.moveaxis(array, 1, -1), None
    if conflict is not None or array.size == 0:
        return reporter.error(
            INPUT_SHAPE,
            f"the input `{shown(target.name)}` in the answers has the shape "
            f"({', '.join(map(str, array.shape))}), and the model takes {target}",
            place,
            notes=(conflict or "there is no sample in it",),
            helps=(NO_BATCH,) if array.size and target.conflict(array.shape) is None else (),
        )
    if target.dtype is DType.UINT8 and not _are_bytes(array.astype(np.float64)):
        return reporter.error(
            INPUT_VALUES,
            f"the input `{shown(target.name)}` in the answers holds values that are no whole "
            "numbers from 0 to 255",
            place,
            helps=("give the pixels as they are, before any preprocessing scales them",),
        )
    return np.ascontiguousarray(array.astype(target.dtype.value))


def _are_bytes(values: NDArray[np.float64]) -> bool:
    return bool(((values == np.rint(values)) & (values >= 0) & (values <= 255)).all())
