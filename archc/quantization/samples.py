"""Samples: pictures of a folder, prepared as the spec says, or arrays of an `.npz` file.

One in four is held back: what ranges were chosen from says too little about what they do to others.
Where a share is demanded that so few cannot show, up to every second one is.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.quantization.observe import spread
from archc.quantization.running import Sample
from archc.quantization.sample_arrays import Found, how_to_write, sample_arrays
from archc.runtime.given_file import PICTURE_SUFFIXES
from archc.runtime.image_tensor import to_tensor
from archc.runtime.metadata import ModelRecord
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

NO_SAMPLES = Rule(
    "quantize/no-samples",
    "there are no samples to choose ranges from",
    "Eight bits hold 256 numbers: which ones, only inputs like those of later use can tell.",
)
NO_PREPROCESS = Rule(
    "quantize/no-preprocess",
    "pictures are given, and nothing says how they become inputs",
    "Ranges that are chosen from pictures prepared in another way fit other numbers.",
)

HELD_BACK = 4
"""One in so many samples is held back, where that is enough."""

FEWEST_TO_HOLD_BACK = 8
"""Of fewer samples none is held back."""

MOST_SAMPLES = 512
"""More samples are not kept: they are held in memory, and ranges hardly change with them."""

_LARGEST_NEED = 100
"""Samples held back that are enough for any share."""

_HIDDEN = "."


class Samples(NamedTuple):
    """Samples that ranges are chosen from, those that were held back, and what was passed over."""

    seen: tuple[Sample, ...]
    held_back: tuple[Sample, ...]
    notes: tuple[str, ...] = ()


def fewest_held_back(share: float) -> int:
    """How many samples held back can show a share: of fewer, one less is below it already.

    A share above 0.99 would take more and more, and 1 infinitely many; 100 are taken to do.

    >>> [fewest_held_back(share) for share in (0, 0.5, 0.9, 0.99, 1)]
    [1, 2, 10, 100, 100]
    """
    if share >= 1:
        return _LARGEST_NEED
    # 1 / (1 - 0.9) is a little more than 10 in float64.
    return min(_LARGEST_NEED, math.ceil(round(1 / (1 - share), 6)))


def read_samples(
    path: Path, record: ModelRecord, reporter: Reporter, *, least: float | None = None
) -> Samples | Failed:
    """The samples of a folder of pictures or of an `.npz` file, each input (1, …) by its name.

    Args:
        path: the folder or the file.
        record: what the model takes, and how pictures become that.
        reporter: told what is wrong.
        least: the share of equal classes that is demanded, which may take more held back.

    Reports: run/no-such-file, quantize/no-samples, quantize/wrong-samples, quantize/no-preprocess,
        and what the reader of pictures reports.
    """
    notes: list[str] = []
    if path.is_dir():
        found = _pictures(path, record, notes, reporter)
    else:
        found = sample_arrays(path, record.inputs, MOST_SAMPLES, reporter)
    if isinstance(found, Failed):
        return FAILED
    kept = found.kept
    if not kept:
        helps = ("give a folder of pictures, or an `.npz` file of inputs",)
        message = f"`{shown(str(path))}` holds no samples"
        place = file_place(str(path))
        return reporter.error(NO_SAMPLES, message, place, notes=notes, helps=helps)
    if found.total > len(kept):
        notes.append(
            f"{len(kept)} of {found.total:,} samples are used, evenly spread: more would take "
            "memory and change ranges little"
        )
    if len(kept) < FEWEST_TO_HOLD_BACK:
        return Samples(tuple(kept), (), tuple(notes))
    needed = 1 if least is None else fewest_held_back(least)
    each = min(HELD_BACK, max(2, len(kept) // needed))
    seen = tuple(sample for number, sample in enumerate(kept, 1) if number % each)
    return Samples(seen, tuple(kept[each - 1 :: each]), tuple(notes))


def _pictures(
    folder: Path, record: ModelRecord, notes: list[str], reporter: Reporter
) -> Found | Failed:
    place = file_place(str(folder))
    if len(record.inputs) != 1:
        names = listed([entry.name for entry in record.inputs])
        message = f"pictures cannot be made inputs: the network has several, {names}"
        helps = (f"write an `.npz` file of inputs: `{how_to_write(record.inputs)}`",)
        return reporter.error(NO_PREPROCESS, message, place, helps=helps)
    if record.preprocess is None:
        message = "pictures cannot be made inputs: the spec has no `preprocess`"
        helps = ("add `preprocess` to the spec, or give inputs as an `.npz` file",)
        return reporter.error(NO_PREPROCESS, message, place, helps=helps)
    (target,) = record.inputs
    paths: list[Path] = []
    others: list[str] = []
    for path in _files(folder):
        if path.suffix.lower() in PICTURE_SUFFIXES:
            paths.append(path)
        else:
            others.append(str(path.relative_to(folder)))
    if others:
        notes.append(f"no pictures by their names, and passed over: {listed(others)}")
    kept: list[Sample] = []
    for path in spread(paths, MOST_SAMPLES):
        tensor = to_tensor(path, record.preprocess, target, reporter)
        if not isinstance(tensor, Failed):
            kept.append({target.name: tensor[None]})
    return FAILED if reporter.has_errors else Found(kept, len(paths))


def _files(folder: Path) -> list[Path]:
    """The files of a folder and of those in it, links followed, but for hidden ones, by name."""
    found: list[Path] = []
    entered: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in entered:  # a link to where we have been, perhaps above itself
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(_HIDDEN))
        found += [Path(here) / name for name in sorted(names) if not name.startswith(_HIDDEN)]
    return found
