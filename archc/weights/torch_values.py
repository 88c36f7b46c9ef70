"""Storages and tensors of a PyTorch checkpoint as plain records, known to lie within each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.weights.elements import ElementType
from archc.weights.pickle_stack import PickleStack
from archc.weights.pickle_values import Record
from archc.weights.refusal import AGAIN, CheckpointError
from archc.weights.stored_tensor import span_of

OUTSIDE_STORAGE = Rule(
    "weights/outside-storage",
    "a tensor reaches beyond its storage",
    "Its sizes, strides and offset must address elements that the file holds.",
)
BYTE_ORDER = Rule(
    "weights/byte-order",
    "the checkpoint was written by a big-endian machine",
    "Its numbers have their bytes in the other order.",
)
RESAVE_LITTLE = "save it again with `torch.save(state_dict, path)` on a little-endian machine"
"""What helps against the other order of bytes; nearly every machine is little-endian."""

STORAGE_SIZE = Rule(
    "weights/storage-size",
    "a storage has another size than the checkpoint declares",
    "What tensors declare is compared with the bytes at hand before they are read.",
)
EXPANDED = Rule(
    "weights/expanded",
    "a tensor has many more elements than its storage",
    "A tensor may repeat the elements of its storage. Without a bound, a few bytes could stand for"
    " more than memory holds.",
)

_MAX_RANK = 32
_MAX_SIZE = 1 << 62
_MAX_EXPANDED = 1 << 24


@final
@dataclass(frozen=True, slots=True)
class Storage(Record):
    """A run of elements in the checkpoint.

    Attributes:
        key: its name in the file.
        kind: the element type.
        count: elements.
        begin: elements of the run named `key` before the first, for a view of a part of it.
    """

    key: str
    kind: ElementType
    count: int
    begin: int = 0


@final
@dataclass(frozen=True, slots=True)
class Tensor(Record):
    """A tensor over a storage: offset and strides in elements, known to lie inside it."""

    storage: Storage
    kind: ElementType
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @override
    def takes_state(self, state: object) -> bool:
        # Parameters of old PyTorch: whether a gradient is wanted, and the hooks.
        return type(state) is tuple and len(state) in (2, 3) and type(state[0]) is bool


def storage_of(stack: PickleStack, parts: tuple[object, ...]) -> Storage:
    """The storage that a persistent id names: ("storage", type, key, location, elements).

    Raises:
        CheckpointError: it names something else.
    """
    if len(parts) != 5:
        stack.fail("refers to something that is no storage")
    word, kind, key, _, count = parts
    if word != "storage" or type(kind) is not ElementType or type(key) is not str:
        stack.fail("refers to something that is no storage")
    if not _is_size(count):
        stack.fail("refers to a storage without a size")
    return Storage(key, kind, count)


def _is_size(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _MAX_SIZE


def _is_sizes(value: object) -> TypeGuard[tuple[int, ...]]:
    return type(value) is tuple and len(value) <= _MAX_RANK and all(map(_is_size, value))


def tensor_of(
    stack: PickleStack, arguments: tuple[object, ...], kind: ElementType | None = None
) -> Tensor:
    """A tensor from (storage, offset, sizes, strides), all but the first counted in elements.

    Args:
        stack: the machine's, to fail with.
        arguments: the four values, of any types.
        kind: the element type where the storage is untyped bytes.

    Raises:
        CheckpointError: it does not lie inside its storage, or is malformed.
    """
    storage, offset, shape, strides = arguments
    if type(storage) is not Storage:
        stack.fail("makes a tensor without a storage")
    shape = tuple(shape) if type(shape) is list and len(shape) <= _MAX_RANK else shape
    if not (_is_size(offset) and _is_sizes(shape) and _is_sizes(strides)):
        stack.fail("makes a tensor with malformed sizes")
    if len(shape) != len(strides):
        stack.fail(f"makes a tensor with {len(shape)} sizes and {len(strides)} strides")
    if kind is None:
        kind, held = storage.kind, storage.count
    else:
        held = storage.count * storage.kind.size_bytes // kind.size_bytes
    span = span_of(shape, strides)
    if span and offset + span > held:
        raise CheckpointError(
            OUTSIDE_STORAGE,
            f"a tensor needs elements {offset} to {offset + span - 1} of a storage of {held}",
            helps=[AGAIN],
        )
    count = _bounded_product(shape, max(held, _MAX_EXPANDED))
    if count is None:
        sizes = " × ".join(map(str, shape))
        message = f"a tensor of {sizes} stands on {held} stored elements"
        raise CheckpointError(EXPANDED, message, helps=["save a copy: `tensor.contiguous()`"])
    return Tensor(storage, kind, offset if span else 0, shape, strides)


def _bounded_product(shape: tuple[int, ...], most: int) -> int | None:
    if 0 in shape:
        return 0
    count = 1
    for size in shape:
        count *= size
        if count > most:
            return None
    return count
