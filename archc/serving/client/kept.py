"""Answers of a server that are kept: an `.npz` file, as `archc verify` reads it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.atomic import NewFile
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NOT_WRITTEN = Rule(
    "call/not-written",
    "the answers cannot be written",
    "Each name stands for one array over all pictures, and the file is complete or absent.",
)


def write_answers(
    target: Path, samples: Sequence[Mapping[str, NDArray[np.generic]]], reporter: Reporter
) -> Failed | None:
    """Writes what was sent and what came back, an array a name, in the order of the samples.

    Reports: call/not-written.
    """
    # Not `numpy.savez`, which takes no array under the name `file`.
    try:
        with NewFile(target) as new:
            with zipfile.ZipFile(new.file, "w") as archive:
                for name, first in samples[0].items():
                    arrays = [sample[name] for sample in samples]
                    if any(array.shape != first.shape for array in arrays):
                        why = f"the pictures' `{shown(name)}` are of several sizes"
                        helps = ("call with pictures of one size at a time",)
                        return _not_written(target, why, reporter, helps)
                    if first.dtype.hasobject:
                        continue  # texts, which nothing would read back
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.stack(arrays), allow_pickle=False)
            new.keep()
    except OSError as error:
        return _not_written(target, (error.strerror or str(error)).lower(), reporter)
    return None


def _not_written(target: Path, why: str, reporter: Reporter, helps: tuple[str, ...] = ()) -> Failed:
    message = f"`{shown(str(target))}` cannot be written: {why}"
    return reporter.error(NOT_WRITTEN, message, file_place(str(target)), helps=helps)
