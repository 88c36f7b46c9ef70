"""The reader of PyTorch's tar archives, which `torch.save` wrote before version 0.1.10.

torchvision's first ResNet files are such archives; PyTorch's own safe mode refuses them. There are
four members, and a pickle stands for all that is not a plain number:

    sys_info   facts about the machine
    storages   their count; for each (key, location, type), the number of elements (8 bytes) and
               their bytes; then the views (key, key of the storage, first element, elements)
    tensors    their count; for each (key, key of the storage, type), the number of axes (4 bytes,
               and 4 without meaning), the sizes, the strides and the first element (8 bytes each)
    pickle     what was saved, which refers to tensors and storages by their keys as texts
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.weights.byte_reader import ByteReader
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.elements import ElementType
from archc.weights.pickle_machine import PickleMachine
from archc.weights.pickle_stack import PickleStack
from archc.weights.pickle_values import Constructor, Globals, Record
from archc.weights.refusal import AGAIN, DUPLICATE_NAME, TOO_MANY, TRUNCATED, CheckpointError
from archc.weights.shown import shown
from archc.weights.state_dict import MAX_TENSORS, State, find_state
from archc.weights.stored_tensor import StoredTensor
from archc.weights.tar_directory import MALFORMED_TAR, TarMember, read_tar
from archc.weights.torch_globals import TORCH_GLOBALS
from archc.weights.torch_state import MAX_PICKLE_BYTES, stored_tensor
from archc.weights.torch_values import (
    BYTE_ORDER,
    OUTSIDE_STORAGE,
    RESAVE_LITTLE,
    Storage,
    Tensor,
    tensor_of,
)

FORMAT = "torch tar"

UNKNOWN_TAR = Rule(
    "weights/unknown-tar",
    "the checkpoint is a tar archive that PyTorch did not write",
    "A tar archive can hold anything; PyTorch's have four members of fixed names.",
)

_MEMBERS = ("sys_info", "pickle", "tensors", "storages")
_VERSION = 1000
_MAX_RANK = 32
_MAX_ENTRY_BYTES = 1 << 12
_MAX_KEY_DIGITS = 20
_NOTHING: Globals = {}
_STORAGES: Globals = {
    pair: kind for pair, kind in TORCH_GLOBALS.items() if type(kind) is ElementType
}
_TENSORS: Globals = {
    (module, name.replace("Storage", "Tensor")): kind for (module, name), kind in _STORAGES.items()
}


@final
@dataclass(slots=True)
class _Variable(Record):
    """A tensor, or a parameter of one, which old pickles give its tensor as a state."""

    tensor: Tensor | None

    @override
    def takes_state(self, state: object) -> bool:
        if type(state) is not tuple:
            return False
        if len(state) == 5 and type(state[0]) is _Variable:  # the first of (data, gradient, …)
            self.tensor = state[0].tensor
            return True
        return len(state) in (2, 3) and type(state[0]) is bool


def _variable(stack: PickleStack, arguments: tuple[object, ...]) -> object:
    if not arguments:
        return _Variable(None)
    if len(arguments) > 3 or type(arguments[0]) is not _Variable:
        stack.fail("makes a parameter of something that is no tensor")
    return arguments[0]


# What makes tensors of storages came later, and would make other records than these.
_SAVED: Globals = {
    **{
        p: made
        for p, made in TORCH_GLOBALS.items()
        if p[0] not in ("torch._utils", "torch._tensor")
    },
    ("torch.nn.parameter", "Parameter"): Constructor("Parameter", _variable),
    ("torch.autograd.variable", "Variable"): Constructor("Variable", _variable),
}


@final
@dataclass(slots=True)
class _Archive:
    """What was read of an archive: storages and tensors by their keys."""

    file: CheckpointFile
    members: Mapping[str, TarMember]
    storages: dict[int, Storage] = field(default_factory=dict)
    begins: dict[str, int] = field(default_factory=dict)
    tensors: dict[int, _Variable] = field(default_factory=dict)

    def check_machine(self) -> None:
        """Reads the facts about the machine.

        Raises:
            CheckpointError: it is not one whose numbers are read here.
        """
        facts = self._whole("sys_info", _NOTHING)
        if type(facts) is not dict or facts.get("protocol_version") != _VERSION:
            message = f"the archive is not of version {_VERSION}, the only one that was written"
            raise CheckpointError(MALFORMED_TAR, message)
        if facts.get("little_endian") is not True:
            message = "the archive was written by a big-endian machine"
            raise CheckpointError(BYTE_ORDER, message, helps=[RESAVE_LITTLE])

    def read_storages(self) -> None:
        """Reads where the storages lie, and the views of parts of them."""
        member = self.members["storages"]
        count, at = self._value("storages", member.begin, _NOTHING)
        for _ in range(_count("storages", count)):
            entry, at = self._value("storages", at, _STORAGES)
            at = self._read_storage(entry, at)
        views, at = self._value("storages", at, _NOTHING, MAX_PICKLE_BYTES)
        if type(views) is not list:
            raise _malformed("the views of storages are no list")
        for view in views:
            self._read_view(view)
        self._check_end("storages", at)

    def read_tensors(self) -> None:
        """Reads which parts of the storages the tensors are."""
        reader = self._reader("tensors", self.members["tensors"].begin, MAX_PICKLE_BYTES)
        count = PickleMachine(reader, _NOTHING).run()
        for _ in range(_count("tensors", count)):
            entry = PickleMachine(reader, _TENSORS).run()
            self._read_tensor(entry, reader)
        self._check_end("tensors", reader.position)

    def saved(self) -> object:
        """The value of the pickle of what was saved."""
        return self._whole("pickle", _SAVED)

    def _read_storage(self, entry: object, at: int) -> int:
        """Takes a storage's entry, whose number of elements is at a position; gives its end."""
        if type(entry) is not tuple or len(entry) != 3:
            raise _malformed("a storage is not given by its key, its place and its type")
        key, _, kind = entry
        if type(kind) is not ElementType:
            raise _malformed("a storage is of no type that PyTorch has")
        name = self._new_key(key)
        begin = at + 8
        left = _end(self.members["storages"]) - begin
        count = int.from_bytes(self.file.read(at, 8), "little", signed=True) if left >= 0 else 0
        declared = count * kind.size_bytes
        if count < 0:
            raise _malformed(f"storage `{name}` declares {count} elements")
        if declared > left:
            message = f"storage `{name}` takes {declared} bytes, but there are {max(left, 0)}"
            raise CheckpointError(TRUNCATED, message, helps=[AGAIN])
        self.storages[int(name)] = Storage(name, kind, count)
        self.begins[name] = begin
        return begin + declared

    def _read_view(self, view: object) -> None:
        match view:
            case (int(key), int(root_key), int(begin), int(count)):
                root = self.storages.get(root_key)
            case _:
                raise _malformed("a view of a storage is not given by four numbers")
        if root is None or begin < 0 or count < 0:
            raise _malformed("a view refers to no storage")
        if root.begin + begin + count > root.begin + root.count:
            message = f"a view reaches beyond the {root.count} elements of storage `{root.key}`"
            raise CheckpointError(OUTSIDE_STORAGE, message)
        name = self._new_key(key)
        self.storages[int(name)] = Storage(root.key, root.kind, count, root.begin + begin)

    def _read_tensor(self, entry: object, reader: ByteReader) -> None:
        stack = PickleStack(reader)
        if type(entry) is not tuple or len(entry) != 3:
            stack.fail("has a tensor that is not given by its key, its storage and its type")
        key, storage_key, kind = entry
        if type(kind) is not ElementType:
            stack.fail("has a tensor of no type that PyTorch has")
        name = self._new_key(key)
        if storage_key is None:  # the tensor has no elements
            storage: Storage | None = Storage("", kind, 0)
            self.begins[""] = 0
        else:
            storage = self.storages.get(storage_key) if type(storage_key) is int else None
        if storage is None:
            stack.fail("has a tensor without a storage")
        (rank,) = struct.unpack("<i4x", reader.take(8))
        if not 0 <= rank <= _MAX_RANK:
            stack.fail(f"has a tensor of {rank} axes")
        numbers = struct.unpack(f"<{2 * rank + 1}q", reader.take(8 * (2 * rank + 1)))
        shape, strides, offset = numbers[:rank], numbers[rank:-1], numbers[-1]
        if not rank:  # then, a tensor without axes had no elements
            shape, strides, offset = (0,), (1,), 0
        self.tensors[int(name)] = _Variable(tensor_of(stack, (storage, offset, shape, strides)))

    def _persistent(self, stack: PickleStack, id_: object) -> object:
        if type(id_) is not str or not _is_number(id_):
            stack.fail("refers to something that is neither a tensor nor a storage")
        key = int(id_)
        found = self.tensors.get(key) or self.storages.get(key)
        if found is None:
            stack.fail(f"refers to `{id_}`, which the archive does not have")
        return found

    def _new_key(self, key: object) -> str:
        """The key of a storage or a tensor as a text, once it is known to be a new one."""
        if type(key) is not int or key < 0 or not _is_number(name := str(key)):
            raise _malformed("a storage or a tensor has a key that is no number")
        if key in self.storages or key in self.tensors:
            message = f"two storages or tensors have the key `{name}`"
            raise CheckpointError(DUPLICATE_NAME, message)
        return name

    def _whole(self, member: str, allowed: Globals) -> object:
        """The value of a pickle that a member consists of."""
        begin = self.members[member].begin
        value, end = self._value(member, begin, allowed, MAX_PICKLE_BYTES)
        self._check_end(member, end)
        return value

    def _value(
        self, member: str, at: int, allowed: Globals, budget: int = _MAX_ENTRY_BYTES
    ) -> tuple[object, int]:
        """The value of the pickle at a position, and where the pickle ends."""
        reader = self._reader(member, at, budget)
        persistent = self._persistent if member == "pickle" else None
        return PickleMachine(reader, allowed, persistent).run(), reader.position

    def _reader(self, member: str, at: int, budget: int) -> ByteReader:
        end = _end(self.members[member])
        return ByteReader(self.file, at, end, f"the member `{member}`", budget)

    def _check_end(self, member: str, at: int) -> None:
        left = _end(self.members[member]) - at
        if left:
            raise _malformed(f"{left} bytes follow the last entry of `{member}`")


def read_torch_tar(file: CheckpointFile, *, averaged: bool = False) -> State[StoredTensor]:
    """The tensors of a tar archive of PyTorch, in the order they were saved.

    Raises:
        CheckpointError: the archive or a pickle is malformed, names what archc does not know, or
            declares other sizes than it has.
    """
    members = read_tar(file)
    _check_members(members)
    archive = _Archive(file, members)
    archive.check_machine()
    archive.read_storages()
    archive.read_tensors()
    state = find_state(archive.saved(), _Variable, averaged=averaged)
    tensors: dict[str, StoredTensor] = {}
    for name, variable in state.tensors.items():
        if variable.tensor is None:
            raise _malformed(f"`{shown(name)}` is a parameter without a tensor")
        begin = archive.begins[variable.tensor.storage.key]
        tensors[name] = stored_tensor(name, variable.tensor, file, begin)
    return State(tensors, state.notes)


def _check_members(members: Mapping[str, TarMember]) -> None:
    odd = next((name for name in members if name not in _MEMBERS), None)
    if odd is not None:
        inner = odd.endswith((".pth", ".pt", ".safetensors", ".npz", ".h5"))
        raise CheckpointError(
            UNKNOWN_TAR,
            f"the tar archive holds `{shown(odd)}`, which PyTorch's have not",
            helps=[f"unpack it and give {f'`{shown(odd)}`' if inner else 'the checkpoint in it'}"],
        )
    missing = next((name for name in _MEMBERS if name not in members), None)
    if missing is not None:
        raise CheckpointError(UNKNOWN_TAR, f"the tar archive has no member `{missing}`")


def _count(what: str, count: object) -> int:
    if type(count) is not int or count < 0:
        raise _malformed(f"`{what}` does not begin with their number")
    if count > MAX_TENSORS:
        raise CheckpointError(TOO_MANY, f"`{what}` declares {count}, more than {MAX_TENSORS}")
    return count


def _is_number(text: str) -> bool:
    return len(text) <= _MAX_KEY_DIGITS and text.isascii() and text.isdigit()


def _end(member: TarMember) -> int:
    return member.begin + member.size


def _malformed(message: str) -> CheckpointError:
    return CheckpointError(MALFORMED_TAR, message, helps=[AGAIN])
