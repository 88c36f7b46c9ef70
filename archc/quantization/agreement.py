"""How well two models agree on samples: the share of equal classes, and the signal to noise.

The signal-to-noise ratio is 10 · log10(Σ y² / Σ (y − ŷ)²) in decibels over all outputs; y are
those of the float model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archc.onnx_io.model import ModelDef
from archc.onnx_io.session import Session, run
from archc.quantization.observe import Sample, running
from archc.runtime.predict import is_class_scores

_BEST_DECIBELS = 200.0


class Agreement(NamedTuple):
    """How well a model agrees with the float one.

    Attributes:
        top_1: the share of samples whose first output has its largest number at the same class;
            None where it is no list of classes.
        decibels: the signal-to-noise ratio.
        samples: on how many samples.
    """

    top_1: float | None
    decibels: float
    samples: int

    @property
    def rank(self) -> tuple[float, float]:
        """What is larger where a model agrees better."""
        return (1.0 if self.top_1 is None else self.top_1), self.decibels


Outputs: TypeAlias = list[dict[str, NDArray[np.generic]]]
"""For each sample, the outputs by name."""


def outputs_of(session: Session, samples: Sequence[Sample]) -> Outputs:
    """What a model gives for samples."""
    return [run(session, sample) for sample in samples]


def agreement(wanted: Outputs, model: ModelDef, samples: Sequence[Sample]) -> Agreement:
    """How well a model agrees with outputs of the float model for the same samples."""
    signal = noise = 0.0
    equal: list[bool] = []
    with running(model) as session:
        for sample, exact in zip(samples, wanted, strict=True):
            found = run(session, sample)
            for name, array in exact.items():
                signal += float((array.astype(np.float64) ** 2).sum())
                noise += float(((array.astype(np.float64) - found[name]) ** 2).sum())
            first = next(iter(exact))
            if is_class_scores(exact[first]):
                equal.append(bool(exact[first].argmax() == found[first].argmax()))
    decibels = _BEST_DECIBELS
    if noise > 0:
        decibels = 10 * math.log10(signal / noise) if signal > 0 else -_BEST_DECIBELS
    return Agreement(float(np.mean(equal)) if equal else None, decibels, len(samples))
