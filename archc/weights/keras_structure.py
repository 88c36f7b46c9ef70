"""The form of Keras 3: groups that follow a model's structure, variables by number.

The variables of every layer, model or other part lie in a group `vars` of its own group, which says
the part's name. Lists and dictionaries of layers are groups without a name. Files of Keras 2.13 to
early Keras 3 say no names; there the groups' own stand in, the kind of a layer and a number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from archc.weights.hdf5.dataset import Hdf5Tensor
from archc.weights.hdf5.file import Node
from archc.weights.hdf5.refusal import malformed
from archc.weights.refusal import DUPLICATE_NAME, TOO_MANY, CheckpointError
from archc.weights.shown import listed, shown
from archc.weights.state_dict import MAX_TENSORS, State, check_name

_VARIABLES = "vars"
_TRAINING = frozenset({"optimizer", "metrics", "compile_metrics", "loss_tracker"})
_CONTAINER = re.compile(r"layers|_layer_checkpoint_dependencies|container(_\d+)?")
_SEED = "seed_generator"


@dataclass(slots=True)
class _Part:
    """A group: its own name, the name it says, its variables, and the parts below."""

    group: str
    name: str | None = None
    variables: dict[str, Hdf5Tensor] = field(default_factory=dict)
    parts: list[_Part] = field(default_factory=list)

    def is_transparent(self, *, named: bool) -> bool:
        """Whether it is a mere list of parts, which names leave out."""
        if self.name is not None or self.variables:
            return False
        return named or bool(_CONTAINER.fullmatch(self.group))

    @property
    def is_seed(self) -> bool:
        """Whether it is the state of a random generator."""
        if not (self.group.startswith(_SEED) or (self.name or "").startswith(_SEED)):
            return False
        tensors = list(self.variables.values())
        return len(tensors) == 1 and tensors[0].shape == (2,) and "int" in tensors[0].dtype


def read_structure(root: Node) -> State[Hdf5Tensor] | None:
    """The variables by layer and number; None where the file has no such groups.

    Raises:
        CheckpointError: the file is malformed, or two variables get one name.
    """
    left = [name for name in root.names if name.lstrip("_") in _TRAINING]
    reader = _Reader()
    model = reader.part(root, "", leave=left)
    if not reader.has_variables:
        return None
    if reader.stray is not None:
        raise malformed(f"`{shown(reader.stray)}` is a variable outside of a `{_VARIABLES}`")
    tensors: dict[str, Hdf5Tensor] = {}
    for name, tensor in _keys(model, model.name or "", named=reader.has_names):
        check_name("", name)
        if name in tensors:
            raise CheckpointError(DUPLICATE_NAME, f"two variables are named `{shown(name)}`")
        tensors[name] = tensor
    notes = [f"left out {listed(left)}, which training needs"] if left else []
    if reader.seed_count:
        notes.append(f"left out {reader.seed_count} states of random generators")
    if not reader.has_names:
        notes.append(
            "the file says no names of layers; they are known by their kind and number, which may "
            "be another than in the name where layers stand side by side"
        )
    return State(tensors, tuple(notes))


@dataclass(slots=True)
class _Reader:
    """What is found on the way through the groups."""

    has_variables: bool = False
    has_names: bool = False
    seed_count: int = 0
    stray: str | None = None
    count: int = 0

    def part(self, node: Node, group: str, leave: list[str]) -> _Part:
        """A group with all below it."""
        part = _Part(group)
        for name in sorted(node.names, key=_natural):
            child = node.child(name)
            if child is None or name in leave:
                continue
            if child.is_dataset:
                self.stray = self.stray or child.path
                continue
            if name == _VARIABLES:
                part.name = child.attributes.text("name")
                self.has_names |= part.name is not None
                self.has_variables = True
                part.variables = dict(self.variables(child, ""))
                continue
            below = self.part(child, name, [])
            if below.is_seed:
                self.seed_count += 1
            else:
                part.parts.append(below)
        return part

    def variables(self, node: Node, prefix: str) -> Iterator[tuple[str, Hdf5Tensor]]:
        """The variables of a `vars`; a layer with a saver of its own may have groups in it."""
        for name in sorted(node.names, key=_natural):
            child = node.child(name)
            if child is None:
                continue
            if not child.is_dataset:
                yield from self.variables(child, f"{prefix}{name}.")
                continue
            self.count += 1
            if self.count > MAX_TENSORS:
                raise CheckpointError(TOO_MANY, f"the file holds more than {MAX_TENSORS} variables")
            yield prefix + name, child.tensor


def _natural(name: str) -> list[str | int]:
    """Sorts `conv2d_10` behind `conv2d_9`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]{1,18})", name)]


def _keys(part: _Part, own: str, *, named: bool) -> Iterator[tuple[str, Hdf5Tensor]]:
    """The variables below a part by name; `own` is what stands before its own variables."""
    for number, tensor in part.variables.items():
        yield f"{own}.{number}" if own else number, tensor
    found = list(_below(part, [], named=named))
    labels = Counter(label for label, _, _ in found)
    for label, path, below in found:
        chosen = label if labels[label] == 1 else ".".join(path)
        for name, tensor in _keys(below, "", named=named):
            yield f"{chosen}.{name}", tensor


def _below(part: _Part, path: list[str], *, named: bool) -> Iterator[tuple[str, list[str], _Part]]:
    """The parts below one, those in lists too: name, groups on the way, and the part."""
    for below in part.parts:
        way = path if _CONTAINER.fullmatch(below.group) else [*path, below.group]
        if below.is_transparent(named=named):
            yield from _below(below, way, named=named)
        else:
            yield below.name or below.group, way, below
