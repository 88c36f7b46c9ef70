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
from archc.quantization.observe import NotFiniteError, spread
from archc.quantization.running import Runner, Sample
from archc.runtime.predict import is_class_scores

_BEST_DECIBELS = 200.0


class Agreement(NamedTuple):
    """How well a model agrees with the float one.

    Attributes:
        top_1: the share of samples whose first output has its largest number at the same class;
            None where it is no list of classes.
        decibels: the signal-to-noise ratio, from -200 to 200.
        samples: on how many samples.
    """

    top_1: float | None
    decibels: float
    samples: int

    @property
    def share(self) -> float:
        """The share of equal classes; 1 where there are no classes that could differ."""
        return 1.0 if self.top_1 is None else self.top_1

    @property
    def rank(self) -> tuple[float, float]:
        """What is larger where a model agrees better."""
        return self.share, self.decibels


Outputs: TypeAlias = Sequence[dict[str, NDArray[np.generic]]]
"""For each sample, the outputs by name."""


class Exact(NamedTuple):
    """What the float model gives for some samples.

    Attributes:
        runner: what runs models.
        samples: the samples.
        outputs: the outputs for each of them.
    """

    runner: Runner
    samples: Sequence[Sample]
    outputs: Outputs

    def some(self, most: int) -> Exact:
        """The same for some of the samples, evenly spread."""
        return self._replace(samples=spread(self.samples, most), outputs=spread(self.outputs, most))


def exact(runner: Runner, model: ModelDef, samples: Sequence[Sample]) -> Exact:
    """What the float model gives for some samples.

    Raises:
        NotFiniteError: that is NaN or infinite.
    """
    outputs = list(runner.answers(model, samples)) if samples else []
    for found in outputs:
        for name, array in found.items():
            if not np.isfinite(array).all():
                raise NotFiniteError(name)
    return Exact(runner, samples, outputs)


def agreement(wanted: Exact, model: ModelDef) -> Agreement:
    """How well a model agrees with the float model. What is not finite agrees with nothing."""
    signal = noise = 0.0
    equal: list[bool] = []
    answers = wanted.runner.answers(model, wanted.samples)
    for found, outputs in zip(answers, wanted.outputs, strict=True):
        for name, array in outputs.items():
            numbers, others = array.astype(np.float64), found[name].astype(np.float64)
            signal += float((numbers**2).sum())
            noise += float(((numbers - others) ** 2).sum())
        first = next(iter(outputs))
        if is_class_scores(outputs[first]):
            is_finite = bool(np.isfinite(found[first]).all())
            equal.append(is_finite and bool(outputs[first].argmax() == found[first].argmax()))
    top_1 = float(np.mean(equal)) if equal else None
    return Agreement(top_1, _decibels(signal, noise), len(wanted.samples))


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return _BEST_DECIBELS
    if signal == 0 or not math.isfinite(noise):
        return -_BEST_DECIBELS
    return max(-_BEST_DECIBELS, min(10 * math.log10(signal / noise), _BEST_DECIBELS))
