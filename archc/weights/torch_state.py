"""The last step of the PyTorch readers: from what was saved to tensors that can be read."""

from __future__ import annotations

from collections.abc import Mapping

from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.refusal import ELEMENT_TYPE, CheckpointError
from archc.weights.shown import shown
from archc.weights.state_dict import State, find_state
from archc.weights.stored_tensor import StoredTensor
from archc.weights.torch_values import Tensor

MAX_PICKLE_BYTES = 64_000_000
"""Bytes of a pickle; a tensor takes about a hundred."""


def stored_state(
    root: object, file: CheckpointFile, begins: Mapping[str, int], *, averaged: bool = False
) -> State[StoredTensor]:
    """The named tensors of a checkpoint's value, over storages that begin at these positions.

    Raises:
        CheckpointError: there are none, or one is of an element type that archc cannot convert.
    """
    state = find_state(root, Tensor, averaged=averaged)
    tensors = {
        name: stored_tensor(name, tensor, file, begins[tensor.storage.key])
        for name, tensor in state.tensors.items()
    }
    return State(tensors, state.notes)


def stored_tensor(name: str, tensor: Tensor, file: CheckpointFile, begin: int) -> StoredTensor:
    """A tensor that can be read, over a storage that begins at this position.

    Raises:
        CheckpointError: it is of an element type that archc cannot convert.
    """
    kind = tensor.kind
    if kind.code is None:
        message = f"`{shown(name)}` is stored as `{kind.name}`, which is not supported"
        help_ = "convert it before saving, for example with `tensor.float()`"
        raise CheckpointError(ELEMENT_TYPE, message, helps=[help_])
    begin += tensor.storage.begin * tensor.storage.kind.size_bytes + tensor.offset * kind.size_bytes
    return StoredTensor(file, kind.name, tensor.shape, tensor.strides, begin)
