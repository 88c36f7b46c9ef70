"""Samples out of an `.npz` file: an array for each input, the batch first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.near_files import did_you_mean_file
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.quantization.observe import spread
from archc.quantization.running import Sample
from archc.runtime.answers import Answers, ArraysError, ArraysTooLargeError, read_arrays
from archc.runtime.difference import NO_BATCH
from archc.runtime.given_file import NO_SUCH_FILE, PICTURE_SUFFIXES, check_file
from archc.runtime.model_input import ModelInput
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

WRONG_SAMPLES = Rule(
    "quantize/wrong-samples",
    "samples are not what the network takes",
    "Ranges are chosen by running the network on samples, so they must be inputs of it.",
)


class Found(NamedTuple):
    """Samples, as many as are kept, and how many there are."""

    kept: list[Sample]
    total: int


def sample_arrays(
    path: Path, inputs: Sequence[ModelInput], most: int, reporter: Reporter
) -> Found | Failed:
    """At most `most` of the samples in a file, each a batch of one for every input.

    Reports: run/no-such-file, quantize/wrong-samples.
    """
    answers = _read(path, inputs, reporter)
    if isinstance(answers, Failed):
        return FAILED
    place = file_place(str(path))
    for entry in inputs:
        fault = _fault(entry, inputs, answers)
        if fault is not None:
            message = f"`{shown(str(path))}` does not fit the input `{entry.name}`: {fault.message}"
            return reporter.error(
                WRONG_SAMPLES, message, place, notes=fault.notes, helps=fault.helps
            )
    arrays = {entry.name: answers.arrays[entry.name] for entry in inputs}
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        each = ", ".join(f"{count} of `{name}`" for name, count in counts.items())
        message = f"`{shown(str(path))}` has different numbers of samples for its inputs: {each}"
        helps = ("give as many of each: the first of one goes with the first of the others",)
        return reporter.error(WRONG_SAMPLES, message, place, helps=helps)
    count = next(iter(counts.values()), 0)
    return Found(_rows(arrays, spread(range(count), most)), count)


def _rows(arrays: Mapping[str, NDArray[np.generic]], places: Sequence[int]) -> list[Sample]:
    """Copies, so that an array of which little is kept does not stay in memory."""
    kept = {name: array[list(places)] for name, array in arrays.items()}
    return [{name: rows[at : at + 1] for name, rows in kept.items()} for at in range(len(places))]


def _read(path: Path, inputs: Sequence[ModelInput], reporter: Reporter) -> Answers | Failed:
    name, place = shown(str(path)), file_place(str(path))
    if not path.exists():
        helps = did_you_mean_file(str(path)) or (
            "give a folder of pictures, or an `.npz` file of inputs",
        )
        return reporter.error(
            NO_SUCH_FILE, f"there is no folder or file `{name}`", place, helps=helps
        )
    if isinstance(failed := check_file(path, reporter), Failed):
        return failed
    if path.suffix.lower() in PICTURE_SUFFIXES:
        helps = (f"give its folder: `--calibrate {shown(str(path.parent))}`",)
        return reporter.error(WRONG_SAMPLES, f"`{name}` is a single picture", place, helps=helps)
    try:
        return read_arrays(path, {entry.name for entry in inputs})
    except ArraysTooLargeError as error:
        helps = ("write fewer samples: some hundred do",)
        return reporter.error(WRONG_SAMPLES, str(error), place, helps=helps)
    except ArraysError as error:
        return reporter.error(
            WRONG_SAMPLES,
            f"`{name}` is no file of samples",
            place,
            notes=(str(error),),
            helps=(
                f"write it with `{how_to_write(inputs)}`, the batch first",
                "pictures are given as a folder",
            ),
        )


def how_to_write(inputs: Sequence[ModelInput]) -> str:
    """The call of numpy that writes samples for some inputs."""
    given = ", ".join(f"{entry.name}=…" for entry in inputs)
    return f'numpy.savez("samples.npz", {given})'


class _Fault(NamedTuple):
    message: str
    helps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _fault(entry: ModelInput, inputs: Sequence[ModelInput], answers: Answers) -> _Fault | None:
    """Why an array is not what an input takes; None where it is."""
    name, array = entry.name, answers.arrays.get(entry.name)
    if array is None:
        near = did_you_mean(name, answers.names)
        written = f"write it with `{how_to_write(inputs)}`, the batch first"
        holds = f"it holds {listed(list(answers.names)) or 'nothing'}"
        return _Fault(f"it has no array `{name}`", (*near, written), (holds,))
    conflict = _conflict(entry, array.shape[1:])
    if conflict is not None:
        shape = ", ".join(map(str, array.shape))
        message = f"its shape is ({shape}), and the network takes {entry}"
        return _Fault(message, (_shape_help(entry, array.shape),), (conflict,))
    wanted = entry.dtype.value
    if array.dtype.name != wanted:
        message = f"its elements are {array.dtype}, and the network takes {wanted}"
        return _Fault(message, (f'convert them: `{name}.astype("{wanted}")`',))
    return _not_finite(name, array)


def _conflict(entry: ModelInput, sizes: tuple[int, ...]) -> str | None:
    """Why sizes without the batch, in the order in which the model takes them, are not taken."""
    return entry.conflict((*sizes[-1:], *sizes[:-1]) if entry.nhwc else sizes)


def _shape_help(entry: ModelInput, shape: tuple[int, ...]) -> str:
    if _conflict(entry, shape) is None:
        return NO_BATCH
    moved = (*shape[2:], shape[1]) if entry.nhwc else (*shape[-1:], *shape[1:-1])
    if len(shape) > 2 and _conflict(entry, moved) is None:
        places, where = ("1, -1", "last") if entry.nhwc else ("-1, 1", "first")
        return f"put the channels {where}: `numpy.moveaxis({entry.name}, {places})`"
    return "prepare samples as for the network itself, a row of the array for each"


def _not_finite(name: str, array: NDArray[np.generic]) -> _Fault | None:
    if array.dtype.kind != "f":
        return None
    for at, sample in enumerate(array):
        if not np.isfinite(sample).all():
            what = "NaN" if np.isnan(sample).any() else "infinity"
            axes = tuple(range(1, array.ndim))
            rows = f"{name}[numpy.isfinite({name}).all(axis={axes})]"
            return _Fault(f"`{name}[{at}]` holds {what}", (f"leave such samples out: `{rows}`",))
    return None
