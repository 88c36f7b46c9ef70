"""Runs the float model on samples, and sees how far its values go.

A first pass takes the ends and the means, a second one, where a method wants it, histograms between
them. Samples are run one by one: memory follows the values of one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.errors import InternalError
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.model import ModelDef, ValueDef
from archc.onnx_io.session import Session, open_session
from archc.onnx_io.writer import write_model
from archc.quantization.ranges import Seen
from archc.shapes.tensor_type import DType

Sample: TypeAlias = Mapping[str, NDArray[np.generic]]
"""Inputs by name, each a batch of one."""

Step: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how often it was done, and how often it will be."""


def observe(
    model: ModelDef,
    values: Collection[str],
    samples: Sequence[Sample],
    *,
    has_histograms: bool,
    step: Step | None = None,
) -> dict[str, Seen]:
    """What is seen of some values of a model on some samples."""
    seen = {value: Seen() for value in values}
    with running(model, values) as session:
        for value, numbers in _answers(session, values, samples, "observing", step):
            seen[value].widen(numbers)
        if has_histograms:
            for value, numbers in _answers(session, values, samples, "counting", step):
                seen[value].count(numbers)
    return seen


def _answers(
    session: Session,
    values: Collection[str],
    samples: Sequence[Sample],
    what: str,
    step: Step | None,
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    computed = [output.name for output in session.get_outputs() if output.name in set(values)]
    for number, sample in enumerate(samples, 1):
        yield from ((name, array) for name, array in sample.items() if name in values)
        if computed:  # else ONNX Runtime would give all
            yield from zip(computed, session.run(computed, dict(sample)), strict=True)
        if step is not None:
            step(what, number, len(samples))


@contextmanager
def running(model: ModelDef, values: Collection[str] = ()) -> Iterator[Session]:
    """A session of a model that gives some values beside its outputs."""
    there = {output.name for output in model.outputs} | {entry.name for entry in model.inputs}
    further = tuple(
        ValueDef(value, DType.FLOAT32, (), is_ranked=False)
        for value in values
        if value not in there
    )
    wide = replace(model, outputs=(*model.outputs, *further))
    with TemporaryDirectory(prefix="archc-") as folder:
        path = Path(folder) / "model.onnx"
        nowhere = Place(Span(Source(str(path), ""), 1, 1, 1, 1))
        written = write_model(wide, path, reporter=Reporter(), place=nowhere, external=True)
        if isinstance(written, Failed):
            raise InternalError("a model with external weights has not been written")
        yield open_session(path)
