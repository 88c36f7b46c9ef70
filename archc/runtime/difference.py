"""How far an output is from its answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.predict import is_class_scores
from archc.weights.shown import shown

OUTPUT_SHAPE = Rule(
    "verify/output-shape",
    "an answer has another shape than the model's output",
    "Arrays are compared element by element; other shapes mean another network.",
)
NOT_FINITE = Rule(
    "verify/not-finite",
    "an answer holds NaN or infinity",
    "No difference from such a value can be measured, so nothing would be verified.",
)

NO_BATCH = "give the batch as well, which is the first axis: `array[None]`"
"""What helps where the samples of an array have the right shape, and are not in a batch."""

TOLERANCES = {"float32": 1e-4, "float16": 1e-2}
"""Shares of the answers' largest magnitude: rounding stays ten times below, mistakes above."""


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """How far one output is from its answer.

    Attributes:
        name: the output's name.
        worst: the largest absolute difference; infinite where the output is no finite number.
        where: the index of that element, the batch first.
        largest: the largest magnitude among the answers.
        tolerance: the largest absolute difference that is allowed; 0 for whole numbers.
        samples: the length of the batch.
        same_top: samples whose largest class is the answer's; None where there are no classes.
    """

    name: str
    worst: float
    where: tuple[int, ...]
    largest: float
    tolerance: float
    samples: int
    same_top: int | None

    @property
    def relative(self) -> float:
        """The worst difference over the largest magnitude of the answers."""
        return self.worst / self.largest if self.largest else self.worst

    @property
    def is_close(self) -> bool:
        """Whether every element is within the tolerance."""
        return self.worst <= self.tolerance


def difference(
    name: str,
    answer: NDArray[np.generic],
    output: NDArray[np.generic],
    place: Place,
    reporter: Reporter,
    *,
    tolerance: float | None = None,
) -> OutputDifference | Failed:
    """The difference between an answer and an output of the same shape, in double precision.

    The tolerance is a share of the answer's largest magnitude, by default that of the output's
    element type; whole numbers must be equal.

    Reports: verify/output-shape, verify/not-finite.
    """
    if answer.shape != output.shape or answer.size == 0:
        return reporter.error(
            OUTPUT_SHAPE,
            f"the answer `{shown(name)}` has the shape {_shape(answer)}, and the model's output "
            f"{_shape(output)}",
            place,
            helps=(NO_BATCH,) if (1, *answer.shape) == output.shape else (),
        )
    wanted, found = answer.astype(np.float64), output.astype(np.float64)
    if not np.isfinite(wanted).all():
        return reporter.error(
            NOT_FINITE,
            f"the answer `{shown(name)}` holds NaN or infinity",
            place,
            helps=("compute it again: `numpy.isfinite(answer).all()` must hold",),
        )
    apart = np.abs(np.where(np.isfinite(found), found, np.inf) - wanted)
    where = np.unravel_index(int(apart.argmax()), apart.shape)
    largest = float(np.abs(wanted).max())
    share = TOLERANCES.get(output.dtype.name, 0.0) if tolerance is None else tolerance
    return OutputDifference(
        name=name,
        worst=float(apart[where]),
        where=tuple(int(i) for i in where),
        largest=largest,
        tolerance=share * largest if output.dtype.kind == "f" else 0.0,
        samples=answer.shape[0] if answer.ndim else 1,
        same_top=_same_top(wanted, found) if is_class_scores(output) else None,
    )


def _same_top(wanted: NDArray[np.float64], found: NDArray[np.float64]) -> int:
    return int((wanted.argmax(axis=1) == found.argmax(axis=1)).sum())


def _shape(array: NDArray[np.generic]) -> str:
    return f"({', '.join(map(str, array.shape))})"
