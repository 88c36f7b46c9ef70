"""The rules that every part of an HDF5 file is held to."""

from __future__ import annotations

from collections.abc import Iterable

from archc.diagnostics.diagnostic import Rule
from archc.weights.refusal import AGAIN, CheckpointError

MALFORMED_HDF5 = Rule(
    "weights/malformed-hdf5",
    "an HDF5 file is malformed",
    "Its parts point to each other. One that contradicts itself is damaged, or made to be read"
    " differently by different programs.",
)
HDF5_FEATURE = Rule(
    "weights/hdf5-feature",
    "an HDF5 file uses a part of the format that archc does not read",
    "The format can hold much that no checkpoint of Keras has. Less code that reads foreign bytes"
    " means fewer ways to deceive it.",
)
HDF5_OUTSIDE = Rule(
    "weights/hdf5-outside",
    "an HDF5 file takes its data from other files",
    "External links, external storage and virtual datasets would let a checkpoint read any file of"
    " the machine. Archc opens the file that it was given, and no other.",
)

_COPY = "write the arrays again with `h5py`, into a file of their own"


def malformed(message: str) -> CheckpointError:
    """The refusal of a file that contradicts itself."""
    return CheckpointError(MALFORMED_HDF5, message, helps=[f"{AGAIN}, or save it again with Keras"])


def unsupported(message: str, *, helps: Iterable[str] = (_COPY,)) -> CheckpointError:
    """The refusal of a part of the format that is not read."""
    return CheckpointError(HDF5_FEATURE, message, helps=helps)


def outside(message: str) -> CheckpointError:
    """The refusal of data that lies in another file."""
    return CheckpointError(HDF5_OUTSIDE, message, helps=[_COPY])
