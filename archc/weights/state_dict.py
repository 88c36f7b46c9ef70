"""The state dictionary in what a checkpoint holds: nested dictionaries, wrappers, prefixes.

Training scripts store the weights under one of a few keys, beside an optimiser and averaged copies.
Nothing is chosen in silence: every choice gives a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from archc.diagnostics.diagnostic import Rule
from archc.weights.refusal import DUPLICATE_NAME, TOO_MANY, CheckpointError
from archc.weights.shown import SHOWN_NAMES, listed, shown

NO_TENSORS = Rule(
    "weights/no-tensors",
    "the checkpoint holds no tensors under names",
    "Weights are found by their names, so a checkpoint must be a dictionary from names to tensors,"
    " perhaps within other dictionaries.",
)
NAME_TOO_LONG = Rule(
    "weights/name-too-long",
    "a tensor's name is too long",
    "A name is a path through the network. Names without bound would take memory for nothing.",
)

PLAIN_KEYS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "net_state_dict",
    "params",
    "weights",
)
"""Keys of a trained model's own weights, the first found is used."""

AVERAGED_KEYS = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "model_ema_state_dict",
    "ema",
    "ema_model",
    "params_ema",
    "ema_params",
)
"""Keys of averaged copies of the weights, used where there are no plain ones, or on demand."""

NO_AVERAGED = Rule(
    "weights/no-averaged-copy",
    "the checkpoint has no averaged copy of its weights",
    "Training scripts store moving averages of the weights beside them, under one of a few keys.",
)

PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""

ALL_AVERAGED = "all weights are averaged ones"
"""The note of an averaged model of PyTorch, which has no plain weights."""

_COUNTER = "n_averaged"
"""What PyTorch's averaged models put beside their weights."""

_TRAINING_KEYS = ("optimizer", "optimizers", "optimizer_state_dict", "optim", "lr_scheduler")
_MAX_DEPTH = 16
_MAX_VISITED = 1_000_000
_MAX_NAME = 1024

MAX_TENSORS = 100_000
"""Tensors in a checkpoint."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State(Generic[T]):
    """The tensors by name, in the file's order, and notes on how they were chosen.

    Attributes:
        tensors: by name.
        notes: on how they were chosen.
        is_averaged: whether the counter of PyTorch's averaged models was beside them.
    """

    tensors: Mapping[str, T]
    notes: tuple[str, ...]
    is_averaged: bool = False


def find_state(root: object, tensor_type: type[T], *, averaged: bool = False) -> State[T]:
    """The named tensors in what a checkpoint holds.

    A dictionary under one of the usual keys (`state_dict`, `model`, …) is used in place of what is
    around it, a plain one before an averaged one. Dictionaries below are joined with dots. A
    `module.` or `_orig_mod.` that all names begin with is taken off.

    Args:
        root: dictionaries, lists and plain values, as the pickle machine makes them.
        tensor_type: the class that marks a tensor.
        averaged: whether an averaged dictionary is used before a plain one, and must be there.

    Raises:
        CheckpointError: there are no named tensors, two have one name, there are too many, or
            there is no averaged copy though one is asked for.
    """
    if type(root) is tensor_type:
        raise CheckpointError(
            NO_TENSORS,
            "the checkpoint is a single tensor without a name",
            helps=["save a dictionary, for example `torch.save(model.state_dict(), path)`"],
        )
    if type(root) is not dict:
        raise CheckpointError(
            NO_TENSORS,
            f"the checkpoint is {_kind(root)}, not a dictionary from names to tensors",
            helps=["save `model.state_dict()`"],
        )
    search = _Search(tensor_type)
    chosen, choices, is_averaged = search.unwrap(root, averaged=averaged)
    tensors, skipped = search.flat(chosen)
    if not tensors:
        raise CheckpointError(NO_TENSORS, "the checkpoint holds no named tensors")
    if averaged and not is_averaged:
        part = averaged_part(tensors)
        tensors, choices = dict(part.tensors), [*choices, *part.notes]
    state = without_prefixes(tensors)
    return State(state.tensors, (*choices, *skipped, *state.notes))


def averaged_part(tensors: Mapping[str, T]) -> State[T]:
    """The tensors of an averaged copy among those of a flat file, without their prefix.

    >>> averaged_part({"model.fc.weight": 1, "model_ema.fc.weight": 2}).tensors
    {'fc.weight': 2}

    Raises:
        CheckpointError: there is no averaged copy.
    """
    if _COUNTER in tensors:  # `without_prefixes` takes it
        return State(tensors, (ALL_AVERAGED,))
    for key in AVERAGED_KEYS:
        found = {
            name.removeprefix(f"{key}."): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{key}.")
        }
        if found:
            return State(found, (f"used the weights under `{key}`",))
    raise CheckpointError(
        NO_AVERAGED,
        "the checkpoint has no averaged copy of its weights",
        notes=[f"looked for {', '.join(f'`{key}`' for key in AVERAGED_KEYS)}"],
        helps=["leave `--ema` out", "name another copy with `--prefix`, for example `ema_1.`"],
    )


def without_prefixes(tensors: Mapping[str, T]) -> State[T]:
    """The tensors without a `module.` or `_orig_mod.` that all names begin with.

    The counter `n_averaged`, which PyTorch's averaged models put beside `module.`, is left out.

    >>> without_prefixes({"module.fc.weight": 1, "module.fc.bias": 2}).tensors
    {'fc.weight': 1, 'fc.bias': 2}
    """
    notes: list[str] = []
    named = dict(tensors)
    is_averaged = False
    if _COUNTER in named and len(named) > 1:
        others = {name: tensor for name, tensor in named.items() if name != _COUNTER}
        if _all_have(others, "module."):
            named, is_averaged = others, True
            notes.append("left out `n_averaged`, the counter of averaged weights")
    while found := next((p for p in PREFIXES if _all_have(named, p)), None):
        named = {name.removeprefix(found): tensor for name, tensor in named.items()}
        notes.append(f"took the prefix `{found}` off all names")
    return State(named, tuple(notes), is_averaged)


def _all_have(names: Iterable[str], prefix: str) -> bool:
    return all(name.startswith(prefix) and len(name) > len(prefix) for name in names)


@dataclass(slots=True)
class _Search(Generic[T]):
    """A walk, bounded in depth and steps: dictionaries may share parts or hold themselves."""

    tensor_type: type[T]
    visited: int = 0

    def unwrap(
        self, root: dict[object, object], *, averaged: bool
    ) -> tuple[dict[object, object], list[str], bool]:
        """The dictionary within the usual wrappers, a note for each, whether one is averaged."""
        notes: list[str] = []
        is_averaged = False
        keys = (*AVERAGED_KEYS, *PLAIN_KEYS) if averaged else (*PLAIN_KEYS, *AVERAGED_KEYS)
        for _ in range(_MAX_DEPTH):
            found = {
                key: value
                for key, value in root.items()
                if type(key) is str and type(value) is dict and self._has_tensors(value)
            }
            key = next((key for key in keys if key in found), None)
            if key is None:
                break
            root = found.pop(key)
            is_averaged |= key in AVERAGED_KEYS
            others = [other for other in found if other not in _TRAINING_KEYS]
            also = f"; the checkpoint also has {listed(others)}" if others else ""
            notes.append(f"used the weights under `{key}`{also}")
        return root, notes, is_averaged

    def flat(self, root: dict[object, object]) -> tuple[dict[str, T], list[str]]:
        """The tensors by dotted name, and a note on what is none."""
        tensors: dict[str, T] = {}
        skipped: list[str] = []
        skipped_count = 0
        for name, value in self._walk(root, "", 0):
            if type(value) is not self.tensor_type:
                skipped_count += 1
                skipped += [name] if skipped_count <= SHOWN_NAMES else []
                continue
            if name in tensors:
                message = f"two tensors are named `{shown(name)}`"
                helps = ["give one of them another name before it is saved"]
                raise CheckpointError(DUPLICATE_NAME, message, helps=helps)
            tensors[name] = value
            if len(tensors) > MAX_TENSORS:
                raise CheckpointError(
                    TOO_MANY, f"the checkpoint holds more than {MAX_TENSORS} tensors"
                )
        if not skipped:
            return tensors, []
        return tensors, [f"left out what is no tensor: {listed(skipped, skipped_count)}"]

    def _has_tensors(self, root: dict[object, object]) -> bool:
        return any(type(value) is self.tensor_type for _, value in self._walk(root, "", 0))

    def _walk(
        self, root: dict[object, object], prefix: str, depth: int
    ) -> Iterator[tuple[str, object]]:
        """Every value that is no dictionary, by its dotted name."""
        if depth > _MAX_DEPTH:
            message = f"dictionaries are nested more than {_MAX_DEPTH} deep"
            raise CheckpointError(TOO_MANY, message, helps=["save `model.state_dict()` alone"])
        for key, value in root.items():
            self.visited += 1
            if self.visited > _MAX_VISITED:
                raise CheckpointError(
                    TOO_MANY, f"the checkpoint has more than {_MAX_VISITED} entries"
                )
            if type(key) is not str:
                continue
            check_name(prefix, key)
            if type(value) is not dict:
                yield prefix + key, value
            elif key not in _TRAINING_KEYS:
                yield from self._walk(value, f"{prefix}{key}.", depth + 1)


def check_name(prefix: str, key: str) -> None:
    """Refuses a name of more than 1024 characters.

    Raises:
        CheckpointError: the name is longer.
    """
    length = len(prefix) + len(key)
    if length > _MAX_NAME:
        message = (
            f"a name has {length} characters, more than {_MAX_NAME}: `{shown(prefix + key[:80])}`"
        )
        helps = ["give it a shorter name before it is saved"]
        raise CheckpointError(NAME_TOO_LONG, message, helps=helps)


def _kind(value: object) -> str:
    names: dict[type, str] = {
        list: "a list",
        tuple: "a list",
        str: "a text",
        int: "a number",
        float: "a number",
        bool: "a truth value",
        type(None): "empty",
    }
    return names.get(type(value), "a single object")
