"""Predictions: running a model, and reading classes with their probabilities off its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.session import run
from archc.runtime.model import LONGEST_REASON, Model
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

RUN_FAILED = Rule(
    "run/failed",
    "ONNX Runtime stops while it runs a model",
    "The note is ONNX Runtime's own reason, which names the layer by its path in the spec.",
)
LESS = "give fewer samples at once, or at a smaller size, where memory or sizes are the reason"
"""What helps where a model that was loaded cannot be run."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class that a network sees in a picture, with its probability from 0 to 1."""

    label: str
    index: int
    probability: float


def predict(
    model: Model, feeds: Mapping[str, NDArray[np.generic]], reporter: Reporter
) -> dict[str, NDArray[np.generic]] | Failed:
    """The outputs by name for inputs by name, each a batch of the same length.

    Reports: run/failed.
    """
    try:
        return run(model.session, feeds)
    # ONNX Runtime's exceptions have no common base but this one.
    except Exception as error:
        return reporter.error(
            RUN_FAILED,
            f"`{shown(str(model.path))}` cannot be run on this input",
            file_place(str(model.path)),
            notes=(shown(str(error), LONGEST_REASON),),
            helps=(LESS,),
        )


def is_class_scores(output: NDArray[np.generic]) -> bool:
    """Whether an output (N, …) has one number a class: all axes behind the second have size 1."""
    return output.ndim >= 2 and output.shape[1] > 1 and output[:1].size == output.shape[1]


def softmax(scores: NDArray[np.generic]) -> NDArray[np.float64]:
    """The probabilities exp(x) / sum of exp(x) over the last axis, in double precision."""
    values = scores.astype(np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def top_k(
    scores: NDArray[np.generic],
    k: int = 5,
    labels: Sequence[str] = (),
    *,
    is_probability: bool = False,
) -> tuple[Prediction, ...]:
    """The k most probable classes of one sample, the best first; equal ones by index.

    Scores are one number a class, axes of size 1 aside; the softmax of them is taken unless they
    are probabilities already. A class without a label is called by its index.
    """
    flat = scores.reshape(-1)
    shares = flat.astype(np.float64) if is_probability else softmax(flat)
    order = np.argsort(-shares, kind="stable")[: max(k, 0)]
    return tuple(
        Prediction(labels[i] if i < len(labels) else str(i), i, float(shares[i]))
        for i in map(int, order)
    )
