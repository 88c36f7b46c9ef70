"""Checkpoints in several files, and the index that says which tensor lies in which.

The index is a JSON object; its `weight_map` maps each tensor's name to a file in the index's own
folder (`model.safetensors.index.json` and `pytorch_model.bin.index.json` of the Hugging Face hub).
Only regular files are opened that lie there and are reached without a link. Each file must hold
exactly the tensors that the index puts there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archc.diagnostics.diagnostic import Rule
from archc.graph.weight import WeightSource
from archc.weights.byte_reader import TOO_LARGE
from archc.weights.checkpoint import Contents
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.checkpoint_folder import CheckpointFolder
from archc.weights.json_object import json_object
from archc.weights.refusal import TOO_MANY, CheckpointError
from archc.weights.shown import listed, shown
from archc.weights.state_dict import MAX_TENSORS, NO_TENSORS, check_name, without_prefixes

INDEX_SUFFIX = ".index.json"

INDEX = Rule(
    "weights/malformed-index",
    "the index of a checkpoint in several files is malformed",
    "An index maps each tensor's name to the file that holds it.",
)
SHARDS_DISAGREE = Rule(
    "weights/shards-disagree",
    "the files of a checkpoint do not hold what their index says",
    "A tensor that is missing, or lies in two files, was mixed up with another checkpoint's.",
)

_FETCH = "download the index and all its files again, from one place"
_KEY = "weight_map"
_MAX_INDEX_BYTES = 32_000_000
_MAX_SHARDS = 500


def read_weight_map(file: CheckpointFile) -> Mapping[str, str] | None:
    """The file of each tensor by the tensor's name; None where the file is no index at all.

    Raises:
        CheckpointError: it is an index, and malformed.
    """
    data = file.read(0, min(file.size, _MAX_INDEX_BYTES + 1))
    if f'"{_KEY}"'.encode() not in data:
        return None
    if len(data) > _MAX_INDEX_BYTES:
        message = f"the index is larger than {_MAX_INDEX_BYTES} bytes"
        raise CheckpointError(TOO_LARGE, message)
    found = json_object(data, "the index", INDEX, TOO_LARGE).get(_KEY)
    if type(found) is not dict:
        raise CheckpointError(INDEX, f"the index has no `{_KEY}` of names and files")
    if len(found) > MAX_TENSORS:
        message = f"the index names {len(found)} tensors, more than {MAX_TENSORS}"
        raise CheckpointError(TOO_MANY, message)
    for name, shard in found.items():
        check_name("", name)
        if type(shard) is not str:
            help_ = f'write the file that holds it: `"{shown(name)}": "model-1.safetensors"`'
            message = f"the index gives no file for `{shown(name)}`"
            raise CheckpointError(INDEX, message, helps=[help_])
    if not found:
        raise CheckpointError(NO_TENSORS, "the index names no tensors")
    return found


def read_sharded(
    weight_map: Mapping[str, str],
    folder: CheckpointFolder,
    read_shard: Callable[[CheckpointFile], Contents],
    close_with: Callable[[Callable[[], None]], None],
) -> Contents:
    """What all files hold, in the order of the index.

    Args:
        weight_map: the file of each tensor.
        folder: where the files lie.
        read_shard: reads one file.
        close_with: told how each file is closed.

    Raises:
        CheckpointError: a file is not in the folder, cannot be read, or holds other tensors than
            the index says.
    """
    names: dict[str, list[str]] = {}
    for name, path in weight_map.items():
        names.setdefault(path, []).append(name)
    if len(names) > _MAX_SHARDS:
        message = f"the index names {len(names)} files, more than {_MAX_SHARDS}"
        raise CheckpointError(TOO_MANY, message)
    tensors: dict[str, WeightSource] = {}
    forms: set[str] = set()
    notes: dict[str, None] = {}
    for path, expected in names.items():
        shard = _read_shard(path, folder, read_shard, close_with)
        forms.add(shard.format)
        tensors |= _as_expected(path, shard.tensors, expected)
        notes |= dict.fromkeys(shard.notes)
    state = without_prefixes({name: tensors[name] for name in weight_map if name in tensors})
    # A prefix that one file's names have is none of the checkpoint's unless all have it.
    left = [note for note in notes if not note.startswith("took the prefix")]
    count = len(names)
    form = f"{' and '.join(sorted(forms))} in {count} file{'s' * (count > 1)}"
    return Contents(form, state.tensors, (*left, *state.notes))


def _read_shard(
    path: str,
    folder: CheckpointFolder,
    read_shard: Callable[[CheckpointFile], Contents],
    close_with: Callable[[Callable[[], None]], None],
) -> Contents:
    file = folder.open(path)
    close_with(file.close)
    try:
        return read_shard(file)
    except CheckpointError as error:
        message = f"`{shown(path)}`: {error.message}"
        raise CheckpointError(error.rule, message, notes=error.notes, helps=error.helps) from error


def _as_expected(
    path: str, tensors: Mapping[str, WeightSource], expected: list[str]
) -> dict[str, WeightSource]:
    """The tensors of a file by the names that the index gives them."""
    # What the reader took off the names in the file, it takes off these.
    named = without_prefixes({name: name for name in expected}).tensors
    missing = [full for name, full in named.items() if name not in tensors]
    if missing:
        message = f"`{shown(path)}` lacks tensors that the index puts there: {listed(missing)}"
        raise CheckpointError(SHARDS_DISAGREE, message, helps=[_FETCH])
    extra = [name for name in tensors if name not in named]
    if extra:
        message = f"`{shown(path)}` holds tensors that the index does not put there"
        raise CheckpointError(SHARDS_DISAGREE, f"{message}: {listed(extra)}", helps=[_FETCH])
    return {full: tensors[name] for name, full in named.items()}
