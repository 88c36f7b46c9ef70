"""Tar archives as PyTorch wrote them before version 0.1.10, honest and hostile ones."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.unit.weights.torch_files import (
    STORAGES,
    Call,
    Global,
    Persistent,
    pickled,
    row_major,
)

MACHINE = {
    "protocol_version": 1000,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 8},
}
FIRST_KEY = 94_000_000_000_000
"""Keys were addresses of objects."""


@dataclass(frozen=True)
class TarStorage:
    key: object
    kind: str
    data: bytes
    count: int
    location: str = "cpu"

    def entry(self) -> bytes:
        module = "torch.cuda" if self.location.startswith("cuda") else "torch"
        head = pickled((self.key, self.location, Global(module, self.kind)))
        return head + struct.pack("<q", self.count) + self.data


@dataclass(frozen=True)
class TarTensor:
    key: object
    storage: object
    kind: str
    shape: Sequence[int]
    strides: Sequence[int] | None = None
    offset: int = 0

    def entry(self) -> bytes:
        kind = Global("torch", self.kind.replace("Storage", "Tensor"))
        strides = row_major(self.shape) if self.strides is None else self.strides
        numbers = (*self.shape, *strides, self.offset)
        head = pickled((self.key, self.storage, kind)) + struct.pack("<i", len(self.shape))
        return head + b"\xaa" * 4 + struct.pack(f"<{len(numbers)}q", *numbers)


def storages_of(storages: Sequence[TarStorage], views: object = None) -> bytes:
    entries = b"".join(storage.entry() for storage in storages)
    return pickled(len(storages)) + entries + pickled([] if views is None else views)


def tensors_of(tensors: Sequence[TarTensor]) -> bytes:
    return pickled(len(tensors)) + b"".join(tensor.entry() for tensor in tensors)


def ordered(state: Mapping[str, object]) -> Call:
    """An ordered dictionary as Python 2 pickles it."""
    pairs = [[name, value] for name, value in state.items()]
    return Call(Global("collections", "OrderedDict"), (pairs,))


def members_of(arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, bytes]:
    """The members of an archive with the state dictionary of some arrays."""
    storages, tensors, state = [], [], {}
    for number, (name, array) in enumerate(arrays.items()):
        key, storage_key = FIRST_KEY + 2 * number, FIRST_KEY + 2 * number + 1
        kind = STORAGES[array.dtype.name]
        storages.append(TarStorage(storage_key, kind, array.tobytes(), array.size))
        tensors.append(TarTensor(key, storage_key, kind, array.shape))
        state[name] = Persistent(str(key))
    return {
        "sys_info": pickled(MACHINE),
        "pickle": pickled(ordered(state)),
        "tensors": tensors_of(tensors),
        "storages": storages_of(storages),
    }


def write_tar(
    path: Path,
    members: Mapping[str, bytes],
    *,
    form: int = tarfile.PAX_FORMAT,
    change: Callable[[tarfile.TarInfo], None] | None = None,
) -> Path:
    """An archive of these members, in this order; times are no whole seconds, as they were."""
    with tarfile.open(path, "w", format=form) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = 1_480_000_000.25 if form == tarfile.PAX_FORMAT else 1_480_000_000
            if change is not None:
                change(info)
            archive.addfile(info, io.BytesIO(data))
    return path
