"""Samples: pictures of a folder, prepared as the spec says, or arrays of an `.npz` file.

One in four is held back: what ranges were chosen from says too little about what they do to others.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.quantization.observe import Sample
from archc.runtime.answers import read_answers
from archc.runtime.image_tensor import to_tensor
from archc.runtime.metadata import ModelRecord
from archc.runtime.model_input import ModelInput
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_SAMPLES = Rule(
    "quantize/no-samples",
    "there are no samples to choose ranges from",
    "Eight bits hold 256 numbers: which ones, only inputs like those of later use can tell.",
)
WRONG_SAMPLES = Rule(
    "quantize/wrong-samples",
    "samples are not what the network takes",
    "Ranges are chosen by running the network on samples, so they must be inputs of it.",
)
NO_PREPROCESS = Rule(
    "quantize/no-preprocess",
    "pictures are given, and nothing says how they become inputs",
    "Ranges that are chosen from pictures prepared in another way fit other numbers.",
)

HELD_BACK = 4
"""One in so many samples is held back."""

_FEWEST_TO_HOLD_BACK = 8
_HIDDEN = "."


class Samples(NamedTuple):
    """Samples that ranges are chosen from, and those that were held back."""

    seen: tuple[Sample, ...]
    held_back: tuple[Sample, ...]


def read_samples(path: Path, record: ModelRecord, reporter: Reporter) -> Samples | Failed:
    """The samples of a folder of pictures or of an `.npz` file, each input [N, …] by its name.

    Reports: quantize/no-samples, quantize/wrong-samples, quantize/no-preprocess, and what the
        readers of pictures and of arrays report.
    """
    found = _pictures(path, record, reporter) if path.is_dir() else _arrays(path, record, reporter)
    if isinstance(found, Failed):
        return FAILED
    if not found:
        helps = ("give a folder of pictures, or an `.npz` file of inputs",)
        message = f"`{shown(str(path))}` holds no samples"
        return reporter.error(NO_SAMPLES, message, file_place(str(path)), helps=helps)
    if len(found) < _FEWEST_TO_HOLD_BACK:
        return Samples(tuple(found), ())
    kept = tuple(s for number, s in enumerate(found, 1) if number % HELD_BACK)
    return Samples(kept, tuple(found[HELD_BACK - 1 :: HELD_BACK]))


def _pictures(folder: Path, record: ModelRecord, reporter: Reporter) -> list[Sample] | Failed:
    place = file_place(str(folder))
    if record.preprocess is None or len(record.inputs) != 1:
        why = "the spec has no `preprocess`" if len(record.inputs) == 1 else "it has several inputs"
        helps = ("add `preprocess` to the spec, or give inputs as an `.npz` file",)
        message = f"pictures cannot be made inputs: {why}"
        return reporter.error(NO_PREPROCESS, message, place, helps=helps)
    (target,) = record.inputs
    samples: list[Sample] = []
    for path in _files(folder):
        tensor = to_tensor(path, record.preprocess, target, reporter)
        if not isinstance(tensor, Failed):
            samples.append({target.name: tensor[None]})
    return FAILED if reporter.has_errors else samples


def _files(folder: Path) -> list[Path]:
    """The files of a folder and of those in it, but for hidden ones, by name."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(_HIDDEN))
        found += [Path(here) / name for name in sorted(names) if not name.startswith(_HIDDEN)]
    return found


def _arrays(path: Path, record: ModelRecord, reporter: Reporter) -> list[Sample] | Failed:
    wanted = [entry.name for entry in record.inputs]
    answers = read_answers(path, wanted, reporter)
    if isinstance(answers, Failed):
        return FAILED
    place, arrays = file_place(str(path)), answers.arrays
    for entry in record.inputs:
        fault = _fault(entry.name, arrays.get(entry.name), entry.dtype.value)
        if fault is None:
            fault = _misfit(entry, arrays[entry.name].shape[1:])
        if fault is not None:
            helps = (f"write it with `numpy.savez(path, {entry.name}=…)`, the batch first",)
            message = f"`{shown(str(path))}` does not fit the input `{entry.name}`: {fault}"
            return reporter.error(WRONG_SAMPLES, message, place, helps=helps)
    counts = {len(arrays[name]) for name in wanted}
    if len(counts) > 1:
        message = f"`{shown(str(path))}` has different numbers of samples for its inputs"
        return reporter.error(WRONG_SAMPLES, message, place)
    return [{n: arrays[n][i : i + 1] for n in wanted} for i in range(max(counts, default=0))]


def _misfit(entry: ModelInput, sizes: tuple[int, ...]) -> str | None:
    return entry.conflict((*sizes[-1:], *sizes[:-1]) if entry.nhwc else sizes)


def _fault(name: str, array: NDArray[np.generic] | None, dtype: str) -> str | None:
    if array is None:
        return f"it has no array `{name}`"
    if array.ndim < 2:
        return "its array has no batch axis"
    return f"its elements are {array.dtype}, not {dtype}" if array.dtype.name != dtype else None
