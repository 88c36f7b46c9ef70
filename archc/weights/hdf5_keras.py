"""The reader of Keras's HDF5 files: names of layers and variables, and nothing else of them.

Three forms are in use. Keras 2 writes weights, or a whole model with its weights under
`model_weights`: attributes list the layers and, for each, its variables by name. Keras 3 writes
groups that follow the model's structure, in which a group `vars` has a layer's variables by number
and, as an attribute, the layer's name. The configuration in such files is never read.
"""

from __future__ import annotations

import re

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.hdf5.dataset import Hdf5Tensor
from archc.weights.hdf5.file import Node, check_apart, open_hdf5
from archc.weights.hdf5.refusal import malformed
from archc.weights.keras_structure import read_structure
from archc.weights.refusal import DUPLICATE_NAME, TOO_MANY, CheckpointError
from archc.weights.shown import listed, shown
from archc.weights.state_dict import MAX_TENSORS, NO_TENSORS, State, check_name

FORMAT = "keras hdf5"

UNKNOWN_HDF5 = Rule(
    "weights/unknown-hdf5",
    "the checkpoint is an HDF5 file that Keras did not write",
    "An HDF5 file can hold anything; Keras's name their layers in one of three ways.",
)

_LAYERS, _WEIGHTS = "layer_names", "weight_names"
_MODEL, _OWN = "model_weights", "top_level_model_weights"

_OLD_NAMES = {
    "W": "kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    # Keras 1 kept the variance under this name.
    "running_std": "moving_variance",
}
_OLD_NAME = re.compile(r"(W|b|gamma|beta|running_mean|running_std)(_\d+)?")


def read_keras_h5(
    file: CheckpointFile, begin: int = 0, size: int | None = None
) -> State[Hdf5Tensor]:
    """The variables of a file of Keras by layer and name, or by number where it has no names.

    Args:
        file: the open file.
        begin: where in the file the HDF5 file begins.
        size: its bytes; by default all that follow.

    Raises:
        CheckpointError: the file is malformed, or Keras did not write it.
    """
    root = open_hdf5(file, begin, size)
    model = root.child(_MODEL)
    if _has_layers(root):
        state = _Named(root, []).read()
    elif model is not None and _has_layers(model):
        left = [name for name in root.names if name != _MODEL]
        notes = [f"used the weights under `{_MODEL}`"]
        notes += [f"left out {listed(left)}"] if left else []
        state = _Named(model, notes).read()
    else:
        structure = read_structure(root)
        if structure is None:
            raise _unknown(root)
        state = structure
    if not state.tensors:
        raise CheckpointError(NO_TENSORS, "the file of Keras holds no variables")
    check_apart(state.tensors)
    return state


def _has_layers(group: Node) -> bool:
    return _LAYERS in group.attributes or f"{_LAYERS}0" in group.attributes


def _unknown(root: Node) -> CheckpointError:
    has = f"has {listed(root.names)}" if root.names else "is empty"
    return CheckpointError(
        UNKNOWN_HDF5,
        f"the HDF5 file {has}, but no layers as Keras writes them",
        helps=["save the weights with `model.save_weights('model.weights.h5')`"],
    )


class _Named:
    """The form of Keras 2: attributes list layers and variables."""

    def __init__(self, group: Node, notes: list[str]) -> None:
        self._group = group
        self._notes = notes
        self._tensors: dict[str, Hdf5Tensor] = {}

    def read(self) -> State[Hdf5Tensor]:
        """All variables, in the order that the file lists them."""
        layers = self._group.attributes.long_texts(_LAYERS) or []
        slashes = [layer for layer in layers if "/" in layer]
        if slashes:
            self._notes.append(f"wrote `_` for the slashes in names such as `{shown(slashes[0])}`")
        numbered: list[str] = []
        for layer in layers:
            node = self._find(self._group, layer)
            paths = node.attributes.long_texts(_WEIGHTS) or []
            names = variable_names(layer, paths)
            if len(set(names)) < len(names):
                numbered.append(layer)
                names = [str(number) for number in range(len(paths))]
            prefix = layer.replace("/", "_")
            for path, name in zip(paths, names, strict=True):
                self._add(f"{prefix}.{name}", self._find(node, path))
        if numbered:
            self._notes.append(f"numbered the variables of {listed(numbered)}, whose names repeat")
        if _OWN in self._group.names and _OWN not in layers:
            self._read_own(self._find(self._group, _OWN))
        return State(self._tensors, tuple(self._notes))

    def _read_own(self, node: Node) -> None:
        """The variables of the model itself, which belong to no layer."""
        for path in node.attributes.long_texts(_WEIGHTS) or []:
            self._add(".".join(_parts(path)), self._find(node, path))

    def _find(self, group: Node, path: str) -> Node:
        node = group.at(path)
        if node is None:
            where = f"`{shown(group.path)}`" if group.path else "the file"
            raise malformed(f"{where} lists `{shown(path)}`, but does not have it")
        return node

    def _add(self, name: str, node: Node) -> None:
        check_name("", name)
        if name in self._tensors:
            raise CheckpointError(DUPLICATE_NAME, f"two variables are named `{shown(name)}`")
        if not node.is_dataset:
            raise malformed(f"`{shown(node.path)}` is listed as a variable, but is a group")
        if len(self._tensors) == MAX_TENSORS:
            raise CheckpointError(TOO_MANY, f"the file holds more than {MAX_TENSORS} variables")
        self._tensors[name] = node.tensor


def variable_names(layer: str, paths: list[str]) -> list[str]:
    """What the variables of a layer are called in it, from their paths.

    Paths begin with the layer's name, with that of models around it before, or with a number behind
    where a model was made twice. Nested models have their own layers in the path. Keras 1 joined
    the names of layer and variable.

    >>> variable_names("conv1", ["conv1/kernel:0", "conv1/bias:0"])
    ['kernel', 'bias']
    >>> variable_names("encoder", ["conv1/kernel:0", "bn1/gamma:0"])
    ['conv1.kernel', 'bn1.gamma']
    >>> variable_names("fc1", ["fc1_W_1:0", "fc1_b_1:0"])
    ['kernel', 'bias']
    """
    split = [_parts(path) for path in paths]
    scopes = {parts[0] for parts in split if len(parts) > 1}
    is_again = len(scopes) == 1 and re.fullmatch(rf"{re.escape(layer)}_\d+", next(iter(scopes)))
    return [".".join(_within(layer, parts, again=bool(is_again))) for parts in split]


def _within(layer: str, parts: list[str], *, again: bool) -> list[str]:
    wanted = layer.split("/")
    for at in range(len(parts) - len(wanted)):
        if parts[at : at + len(wanted)] == wanted:
            return parts[at + len(wanted) :]
    if len(parts) > 1:
        return parts[1:] if again else parts
    name = parts[0].removeprefix(f"{layer}_")
    old = _OLD_NAME.fullmatch(name)
    return [_OLD_NAMES.get(old[1], old[1]) if old else name]


def _parts(path: str) -> list[str]:
    """The parts of a variable's path, without the number of an output that TensorFlow adds."""
    return re.sub(r":\d+$", "", path).split("/")
