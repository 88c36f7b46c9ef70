"""Runs the float model on samples, and sees how far its values go.

A first pass takes the ends and the means, a second one, where a method wants it, histograms between
them. Samples are run one by one: memory follows the values of one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.onnx_io.model import ModelDef
from archc.quantization.ranges import Seen
from archc.quantization.running import Runner, Sample

NOT_FINITE = Rule(
    "quantize/not-finite",
    "a network gives numbers that are not finite",
    "Eight bits go from the least number that was seen to the largest one, and how well models "
    "agree is told by their numbers: NaN and infinity have no place in either.",
)

Step: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how often it was done, and how often it will be."""

T = TypeVar("T")


class NotFiniteError(Exception):
    """The float model has given NaN or infinity.

    Attributes:
        value: the name of what is not finite.
    """

    helps = (
        "run the float model on the samples: are the weights those of a trained network, and the "
        "samples prepared as it wants them?",
    )

    def __init__(self, value: str) -> None:
        super().__init__(f"in float32, `{value}` is NaN or infinite for some samples")
        self.value = value


def spread(items: Sequence[T], most: int) -> Sequence[T]:
    """Some of the items, evenly spread: samples often lie class by class.

    >>> spread("abcdefghi", 3)
    ['a', 'd', 'g']
    """
    if len(items) <= most:
        return items
    return [items[at * len(items) // most] for at in range(most)]


def values_on(
    runner: Runner,
    model: ModelDef,
    values: Collection[str],
    samples: Sequence[Sample],
    what: str,
    step: Step | None,
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """For each sample some float32 values of a model by name, its inputs and outputs with them.

    Args:
        runner: what runs the model.
        model: the model.
        values: the names.
        samples: the inputs.
        what: what `step` is told that this is done for.
        step: told after each sample.
    """
    answers = runner.answers(model, samples, values)
    for number, sample in enumerate(samples, 1):
        yield {**sample, **next(answers)}
        if step is not None:
            step(what, number, len(samples))


def observe(
    runner: Runner,
    model: ModelDef,
    values: Collection[str],
    samples: Sequence[Sample],
    *,
    has_histograms: bool,
    step: Step | None = None,
) -> dict[str, Seen]:
    """What is seen of some values of a model on some samples.

    Raises:
        NotFiniteError: one of them is NaN or infinite.
    """
    seen = {value: Seen() for value in values}
    for found in values_on(runner, model, values, samples, "observing", step):
        for value, numbers in seen.items():
            numbers.widen(found[value])
            if not numbers.is_finite:
                raise NotFiniteError(value)
        del found  # it would stay while those of the next sample are computed
    if has_histograms:
        for found in values_on(runner, model, values, samples, "counting", step):
            for value, numbers in seen.items():
                numbers.count(found[value])
            del found
    return seen
