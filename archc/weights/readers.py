"""The reader of a checkpoint, chosen by what it holds; its name says nothing."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.weight import WeightSource
from archc.weights.checkpoint import Checkpoint, Contents, file_place
from archc.weights.checkpoint_file import (
    NOT_A_FILE,
    UNREADABLE,
    CheckpointFile,
    open_file,
    reason_of,
)
from archc.weights.checkpoint_folder import CheckpointFolder, open_folder
from archc.weights.refusal import CheckpointError
from archc.weights.shown import listed
from archc.weights.state_dict import ALL_AVERAGED, State, averaged_part
from archc.weights.unknown_file import unknown_file

T = TypeVar("T", bound=WeightSource)

_HEAD_BYTES = 512
# The magic number as every pickle protocol spells it.
_TORCH_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_IR_VERSIONS = frozenset(bytes([version]) for version in range(1, 33))
# The keys of producer name and version, domain, model version, doc string, graph and opsets.
_AFTER_IR_VERSION = frozenset((b"\x12", b"\x1a", b'"', b"(", b"2", b":", b"B"))


def open_checkpoint(
    path: str | Path, reporter: Reporter, *, averaged: bool = False
) -> Checkpoint | Failed:
    """The checkpoint opened, none of its tensors read yet; or the token of what was reported.

    Everything that it declares is compared with the bytes it has. Nothing that it names is
    imported or run. No file is opened but this one, the shards that an index names and the
    external data of an ONNX model, which must lie in the same folder.

    Args:
        path: the checkpoint: a file, or a folder of `.npy` files or with an index of shards.
        reporter: told why it cannot be read.
        averaged: whether an averaged copy of the weights is wanted, in place of plain ones.

    Reports:
        the rules of `archc.weights`: no regular file, an unknown format, a malformed or truncated
        file, a refused global, sizes that do not agree, no named tensors.
    """
    name = str(path)
    with ExitStack() as unless_read:
        try:
            opened = open_folder(name) if _is_folder(name) else open_file(name)
            unless_read.callback(opened.close)
            if isinstance(opened, CheckpointFolder):
                found = _read_folder(opened, averaged=averaged)
            else:
                found = _read_file(opened, averaged=averaged)
        except CheckpointError as error:
            return _report(error, name, reporter)
        except OSError as error:
            return report_unreadable(error, name, reporter)
        unless_read.pop_all()
    return Checkpoint(name, found.format, found.tensors, opened, found.notes, found.layout)


def report_unreadable(error: OSError, path: str, reporter: Reporter) -> Failed:
    """Reports that a checkpoint that was opened cannot be read to its end.

    Reports:
        weights/unreadable.
    """
    message = f"the checkpoint cannot be read: {reason_of(error)}"
    return reporter.error(UNREADABLE, message, file_place(path))


def _report(error: CheckpointError, name: str, reporter: Reporter) -> Failed:
    return reporter.error(
        error.rule, error.message, file_place(name), notes=error.notes, helps=error.helps
    )


def _is_folder(name: str) -> bool:
    return "\0" not in name and os.path.isdir(name)


def _read_file(file: CheckpointFile, *, averaged: bool) -> Contents:
    """What the one reader for the content finds. There is no second try."""
    head = file.read(0, min(file.size, _HEAD_BYTES))
    if (found := _read_usual(file, head, averaged=averaged)) is not None:
        return found
    if head.startswith(_HDF5):
        from archc.weights import hdf5_keras

        keras = hdf5_keras.read_keras_h5(file)
        return _flat(hdf5_keras.FORMAT, keras, averaged=averaged)._replace(layout="keras")
    if _is_onnx(head):
        from archc.weights import onnx_source

        return _flat(onnx_source.FORMAT, onnx_source.read_onnx(file), averaged=averaged)
    if head.lstrip().startswith(b"{"):
        return _read_index(file, head, averaged=averaged)
    from archc.weights import tar_directory, torch_tar

    if tar_directory.is_tar(head):
        return _plain(torch_tar.FORMAT, torch_tar.read_torch_tar(file, averaged=averaged))
    raise unknown_file(head)


def _read_usual(file: CheckpointFile, head: bytes, *, averaged: bool) -> Contents | None:
    """What a file holds that is safetensors, a zip or a legacy stream; None where it is none."""
    # A header's length, and no more than five bytes of it: no text has zero bytes.
    if head[5:9] == b"\0\0\0{":
        from archc.weights import safetensors

        return _flat(safetensors.FORMAT, safetensors.read_safetensors(file), averaged=averaged)
    if head.startswith(_ZIP):
        return _read_zip(file, averaged=averaged)
    if head[:1] == b"\x80" and _TORCH_MAGIC in head[:40]:
        from archc.weights import torch_legacy

        state = torch_legacy.read_torch_legacy(file, averaged=averaged)
        return _plain(torch_legacy.FORMAT, state)
    return None


def _read_zip(file: CheckpointFile, *, averaged: bool) -> Contents:
    """What a zip archive holds, by the names of its members."""
    from archc.weights import torch_zip, zip_directory

    members = zip_directory.read_directory(file)
    if any(name.endswith(".npy") for name in members) and not torch_zip.is_torch(members):
        from archc.weights import numpy_arrays

        arrays = numpy_arrays.read_npz(file, members)
        return _flat(numpy_arrays.FORMAT, arrays, averaged=averaged)
    if "config.json" in members or any(name.endswith(".h5") for name in members):
        from archc.weights import keras_zip

        if keras_zip.is_keras(members):
            keras = keras_zip.read_keras_zip(file)
            return _flat(keras_zip.FORMAT, keras, averaged=averaged)._replace(layout="keras")
    state = torch_zip.read_torch_zip(file, members, averaged=averaged)
    return _plain(torch_zip.FORMAT, state)


def _read_index(file: CheckpointFile, head: bytes, *, averaged: bool) -> Contents:
    """What the shards hold that a file names, which lie in its folder."""
    from archc.weights import sharded

    weight_map = sharded.read_weight_map(file)
    if weight_map is None:
        raise unknown_file(head)
    folder = open_folder(os.path.dirname(file.path) or ".", of=file.path)
    file.close_with(folder.close)
    found = sharded.read_sharded(weight_map, folder, _read_shard, file.close_with)
    return _averaged(found, averaged=averaged)


def _read_shard(file: CheckpointFile) -> Contents:
    """What one of several files holds; it is no index itself, and opens nothing."""
    head = file.read(0, min(file.size, _HEAD_BYTES))
    found = _read_usual(file, head, averaged=False)
    if found is None or found.layout is not None:
        raise unknown_file(head)
    return found


def _read_folder(folder: CheckpointFolder, *, averaged: bool) -> Contents:
    """What a folder holds: shards by its index, or an array in each of its files."""
    from archc.weights import numpy_arrays, sharded

    names = folder.names()
    indexes = [name for name in names if name.endswith(sharded.INDEX_SUFFIX)]
    if len(indexes) > 1:
        message = f"the checkpoint is a folder with {len(indexes)} indexes: {listed(indexes)}"
        raise CheckpointError(NOT_A_FILE, message, helps=["give the one that is meant"])
    if not indexes:
        if folder.files(numpy_arrays.SUFFIX)[0]:
            state = numpy_arrays.read_npy_folder(folder)
            return _flat(numpy_arrays.FOLDER_FORMAT, state, averaged=averaged)
        message = "the checkpoint is a folder that has neither `.npy` files nor an index of shards"
        help_ = "give the path of a checkpoint file, for example `model.safetensors`"
        raise CheckpointError(NOT_A_FILE, message, helps=[help_])
    index = folder.open(indexes[0])
    folder.close_with(index.close)
    weight_map = sharded.read_weight_map(index)
    if weight_map is None:
        raise unknown_file(index.read(0, min(index.size, _HEAD_BYTES)))
    found = sharded.read_sharded(weight_map, folder, _read_shard, folder.close_with)
    return _averaged(found, averaged=averaged)


def _plain(form: str, state: State[T]) -> Contents:
    return Contents(form, state.tensors, state.notes)


def _flat(form: str, state: State[T], *, averaged: bool) -> Contents:
    """The contents of a file without dictionaries, or the averaged part of it."""
    if averaged and state.is_averaged:
        return Contents(form, state.tensors, (*state.notes, ALL_AVERAGED))
    return _averaged(_plain(form, state), averaged=averaged)


def _averaged(found: Contents, *, averaged: bool) -> Contents:
    if not averaged:
        return found
    part = averaged_part(found.tensors)
    return found._replace(tensors=part.tensors, notes=(*found.notes, *part.notes))


def _is_onnx(head: bytes) -> bool:
    """Whether a file begins as a ModelProto: its IR version, then a field of one of the next."""
    is_version = head[:1] == b"\x08" and head[1:2] in _IR_VERSIONS
    return is_version and head[2:3] in _AFTER_IR_VERSION
