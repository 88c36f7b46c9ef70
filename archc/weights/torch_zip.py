"""The reader of PyTorch's zip archives, which `torch.save` writes since version 1.6.

A folder of any name holds `data.pkl`, the pickle of what was saved, and `data/<key>`, the bytes of
each storage. TorchScript writes archives of the same form with code in them.
"""

from __future__ import annotations

from collections.abc import Mapping

from archc.diagnostics.diagnostic import Rule
from archc.weights.byte_reader import ByteReader
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.pickle_machine import PickleMachine
from archc.weights.pickle_stack import PickleStack
from archc.weights.refusal import AGAIN, CheckpointError
from archc.weights.shown import shown
from archc.weights.state_dict import State
from archc.weights.stored_tensor import StoredTensor
from archc.weights.torch_globals import TORCH_GLOBALS
from archc.weights.torch_state import MAX_PICKLE_BYTES, stored_state
from archc.weights.torch_values import BYTE_ORDER, RESAVE_LITTLE, STORAGE_SIZE, Storage, storage_of
from archc.weights.zip_directory import MALFORMED_ZIP, Member

FORMAT = "torch zip"

TORCHSCRIPT = Rule(
    "weights/torchscript",
    "the checkpoint is a TorchScript archive",
    "Such an archive holds a program beside its weights, and its layers have names of their own.",
)
UNKNOWN_ZIP = Rule(
    "weights/unknown-zip",
    "the checkpoint is a zip archive that PyTorch did not write",
    "A zip archive can hold anything; PyTorch's have a folder with a `data.pkl`.",
)
COMPRESSED = Rule(
    "weights/compressed",
    "a member of the archive is compressed or encrypted",
    "PyTorch stores plain bytes, which are read where they lie. A compressed member could unpack to"
    " any size.",
)

_PICKLE = "data.pkl"
_RESAVE = "save it again with `torch.save(state_dict, path)`"
_UNSCRIPTED = (
    "save the weights alone: `torch.save(torch.jit.load('model.pt').state_dict(), 'weights.pth')`"
)


def is_torch(members: Mapping[str, Member]) -> bool:
    """Whether an archive with these members is one of PyTorch."""
    return any(_is_pickle(name) for name in members)


def read_torch_zip(
    file: CheckpointFile, members: Mapping[str, Member], *, averaged: bool = False
) -> State[StoredTensor]:
    """The tensors of a zip archive of PyTorch, in the order they were saved.

    Args:
        file: the archive.
        members: what it holds.
        averaged: whether an averaged copy of the weights is wanted.

    Raises:
        CheckpointError: the archive or its pickle is malformed, names what archc does not know, or
            declares other sizes than it has.
    """
    folder = _folder(members)
    _check_byte_order(file, members.get(f"{folder}byteorder"))
    pickle = _plain(members[f"{folder}{_PICKLE}"])
    begins: dict[str, int] = {}

    def persistent(stack: PickleStack, id_: object) -> Storage:
        storage = storage_of(stack, id_ if type(id_) is tuple else ())
        begins[storage.key] = _storage_begin(storage, members.get(f"{folder}data/{storage.key}"))
        return storage

    what = f"the pickle `{shown(pickle.name)}`"
    end = pickle.begin + pickle.size
    reader = ByteReader(file, pickle.begin, end, what, MAX_PICKLE_BYTES)
    root = PickleMachine(reader, TORCH_GLOBALS, persistent).run()
    return stored_state(root, file, begins, averaged=averaged)


def _is_pickle(name: str) -> bool:
    return name.count("/") == 1 and name.endswith(f"/{_PICKLE}")


def _folder(members: Mapping[str, Member]) -> str:
    """The folder that holds the pickle, with its slash."""
    found = [name for name in members if _is_pickle(name)]
    if not found:
        raise _not_torch(members)
    if len(found) > 1:
        message = f"the archive has {len(found)} pickles: `{shown(found[0])}`, `{shown(found[1])}`"
        raise CheckpointError(MALFORMED_ZIP, message)
    folder = found[0].removesuffix(_PICKLE)
    if f"{folder}constants.pkl" in members or any(
        name.startswith(f"{folder}code/") for name in members
    ):
        raise CheckpointError(
            TORCHSCRIPT,
            "the checkpoint is a TorchScript archive, a program with its weights",
            helps=[_UNSCRIPTED],
        )
    return folder


def _not_torch(members: Mapping[str, Member]) -> CheckpointError:
    helps = ["give a safetensors file or a checkpoint of `torch.save`"]
    if "[Content_Types].xml" in members:
        kind = "a document"
    else:
        kind = "no `data.pkl` in a folder"
        inner = [name for name in members if name.endswith((".pth", ".pt", ".safetensors"))]
        helps = [f"unpack it and give `{shown(inner[0])}`"] if inner else helps
    return CheckpointError(UNKNOWN_ZIP, f"the zip archive holds {kind}", helps=helps)


def _check_byte_order(file: CheckpointFile, member: Member | None) -> None:
    if member is None:
        return
    order = file.read(_plain(member).begin, min(member.size, 16))
    if order != b"little":
        written = shown(order.decode("latin-1"))
        message = f"the checkpoint has the byte order `{written}`, only `little` can be read"
        raise CheckpointError(BYTE_ORDER, message, helps=[RESAVE_LITTLE])


def _storage_begin(storage: Storage, member: Member | None) -> int:
    declared = storage.count * storage.kind.size_bytes
    if member is None and declared == 0:
        return 0
    key = shown(storage.key)
    if member is None:
        message = f"the archive has no storage `{key}`, which a tensor needs"
        raise CheckpointError(STORAGE_SIZE, message, helps=[AGAIN])
    if member.size != declared:
        message = (
            f"storage `{key}` has {member.size} bytes, but is declared with {storage.count}"
            f" elements of `{storage.kind.name}`, which take {declared}"
        )
        raise CheckpointError(STORAGE_SIZE, message, helps=[AGAIN])
    return _plain(member).begin


def _plain(member: Member) -> Member:
    if not member.is_plain:
        message = f"the member `{shown(member.name)}` is compressed or encrypted"
        raise CheckpointError(COMPRESSED, message, helps=[_RESAVE])
    return member
