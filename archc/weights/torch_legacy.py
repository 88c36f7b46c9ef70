"""The reader of PyTorch's legacy streams, which `torch.save` wrote before version 1.6.

Five pickles in a row: a magic number, the version of the form, facts about the machine, what was
saved, and the storages' keys. Then for each key the number of elements (8 bytes) and their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from archc.diagnostics.diagnostic import Rule
from archc.weights.byte_reader import ByteReader
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.pickle_machine import PickleMachine
from archc.weights.pickle_stack import PickleStack
from archc.weights.pickle_values import Globals
from archc.weights.refusal import AGAIN, DUPLICATE_NAME, TRUNCATED, CheckpointError
from archc.weights.shown import shown
from archc.weights.state_dict import State
from archc.weights.stored_tensor import StoredTensor
from archc.weights.torch_globals import TORCH_GLOBALS
from archc.weights.torch_state import MAX_PICKLE_BYTES, stored_state
from archc.weights.torch_values import (
    BYTE_ORDER,
    OUTSIDE_STORAGE,
    RESAVE_LITTLE,
    STORAGE_SIZE,
    Storage,
    storage_of,
)

FORMAT = "torch legacy stream"

MAGIC = 0x1950A86A20F9469CFC6C
"""The number that the first pickle holds."""

MALFORMED_STREAM = Rule(
    "weights/malformed-stream",
    "a legacy stream of PyTorch is malformed",
    "Its parts must follow each other as `torch.save` writes them, up to the end of the file.",
)

_VERSION = 1001
_NOTHING: Globals = {}


@final
@dataclass(slots=True)
class _Stream:
    """The file and the position up to which it was read."""

    file: CheckpointFile
    at: int = 0
    storages: dict[str, Storage] = field(default_factory=dict)

    def constant(self, what: str) -> object:
        """The value of the next pickle, which may name nothing."""
        reader = self._reader(what)
        value = PickleMachine(reader, _NOTHING).run()
        self.at = reader.position
        return value

    def saved(self) -> object:
        """The value of the pickle of what was saved."""
        reader = self._reader("the pickle of what was saved")
        value = PickleMachine(reader, TORCH_GLOBALS, self._persistent).run()
        self.at = reader.position
        return value

    def _reader(self, what: str) -> ByteReader:
        return ByteReader(self.file, self.at, self.file.size, what, MAX_PICKLE_BYTES)

    def _persistent(self, stack: PickleStack, id_: object) -> Storage:
        """A storage, or the view of a part of one: (…, (key of the view, offset, elements))."""
        parts = id_ if type(id_) is tuple else ()
        root = storage_of(stack, parts[:5])
        known = self.storages.setdefault(root.key, root)
        if _bytes(known) != _bytes(root):
            message = f"storage `{shown(root.key)}` is declared with two sizes"
            raise CheckpointError(STORAGE_SIZE, message)
        view = parts[5] if len(parts) == 6 else None
        if view is None:
            return root
        if type(view) is not tuple or len(view) != 3:
            stack.fail("refers to a malformed part of a storage")
        _, begin, count = view
        if type(begin) is not int or type(count) is not int or begin < 0 or count < 0:
            stack.fail("refers to a malformed part of a storage")
        if begin + count > root.count:
            message = (
                f"a part of storage `{shown(root.key)}` reaches beyond its {root.count} elements"
            )
            raise CheckpointError(OUTSIDE_STORAGE, message)
        return Storage(root.key, root.kind, count, begin)


def read_torch_legacy(file: CheckpointFile, *, averaged: bool = False) -> State[StoredTensor]:
    """The tensors of a legacy stream of PyTorch, in the order they were saved.

    Raises:
        CheckpointError: the stream or a pickle is malformed, names what archc does not know, or
            declares other sizes than it has.
    """
    stream = _Stream(file)
    if stream.constant("the pickle of the magic number") != MAGIC:
        raise CheckpointError(MALFORMED_STREAM, "the stream does not begin with the magic number")
    version = stream.constant("the pickle of the version")
    if type(version) is not int or version != _VERSION:
        message = f"the stream is not of version {_VERSION}, the only one that was written"
        raise CheckpointError(MALFORMED_STREAM, message)
    machine = stream.constant("the pickle of the machine")
    if type(machine) is dict and machine.get("little_endian") is False:
        message = "the stream was written by a big-endian machine"
        raise CheckpointError(BYTE_ORDER, message, helps=[RESAVE_LITTLE])
    root = stream.saved()
    keys = stream.constant("the pickle of the storages' keys")
    return stored_state(root, file, _storage_begins(stream, keys), averaged=averaged)


def _storage_begins(stream: _Stream, keys: object) -> dict[str, int]:
    """Where each storage's elements begin, once their sizes are known to be as declared."""
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise CheckpointError(MALFORMED_STREAM, "the storages' keys are no list of texts")
    begins: dict[str, int] = {}
    for key in keys:
        if key in begins:
            raise CheckpointError(DUPLICATE_NAME, f"storage `{shown(key)}` is listed twice")
        storage = stream.storages.get(key)
        if storage is None:
            message = f"storage `{shown(key)}` belongs to no tensor"
            raise CheckpointError(MALFORMED_STREAM, message)
        begins[key] = _storage_begin(stream, storage)
    missing = next((key for key in stream.storages if key not in begins), None)
    if missing is not None:
        message = f"storage `{shown(missing)}`, which a tensor needs, is not listed"
        raise CheckpointError(MALFORMED_STREAM, message, helps=[AGAIN])
    if stream.at != stream.file.size:
        left = stream.file.size - stream.at
        message = f"{left} bytes follow the last storage"
        raise CheckpointError(MALFORMED_STREAM, message, helps=[AGAIN])
    return begins


def _storage_begin(stream: _Stream, storage: Storage) -> int:
    begin = stream.at + 8
    left = stream.file.size - begin
    declared = _bytes(storage)
    key = shown(storage.key)
    if left < declared:
        message = f"storage `{key}` takes {declared} bytes, but the file has {max(left, 0)} for it"
        raise CheckpointError(TRUNCATED, message, helps=[AGAIN])
    count = int.from_bytes(stream.file.read(stream.at, 8), "little", signed=True)
    if count != storage.count:
        message = f"storage `{key}` has {count} elements, but is declared with {storage.count}"
        raise CheckpointError(STORAGE_SIZE, message, helps=[AGAIN])
    stream.at = begin + declared
    return begin


def _bytes(storage: Storage) -> int:
    return storage.count * storage.kind.size_bytes
