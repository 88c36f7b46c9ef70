"""The tensors of a checkpoint in groups: those of a layer stand under a common prefix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from archc.graph.weight import WeightSource
from archc.matching.names import Tokens, numbered
from archc.matching.parties import GroupParty, LayerParty, Layout

_ROLES: Mapping[str, str] = {
    name: role
    for role, names in {
        "weight": "weight weights w kernel filter filters gamma scale",
        "bias": "bias biases b beta offset shift",
        "running_mean": "running_mean moving_mean mean",
        "running_var": "running_var moving_variance moving_var variance var",
        "depthwise": "depthwise_kernel depthwise_weights",
        "pointwise": "pointwise_kernel pointwise_weights",
    }.items()
    for name in names.split()
}
"""What frameworks call the arrays of a layer, and what they are."""

_OF_KERAS = frozenset(
    ("kernel", "gamma", "beta", "moving_mean", "moving_variance", "depthwise_kernel")
)
_OF_TORCH = frozenset(("weight", "running_mean", "running_var"))

_Kinds: TypeAlias = Mapping[tuple[int, ...], frozenset[tuple[str, ...]]]
_Part: TypeAlias = tuple[str | None, str, str]
"""A group, what the tensor is in it, its key; None is a group of the tensor's own."""


def layout_of(keys: Iterable[str], said: Layout | None, usual: Layout) -> Layout:
    """The layout of a file: what it says itself, what its names tell, or the spec's."""
    if said is not None:
        return said
    last = {key.rpartition(".")[2] for key in keys}
    is_keras, is_torch = not last.isdisjoint(_OF_KERAS), not last.isdisjoint(_OF_TORCH)
    if is_keras == is_torch:
        return usual
    return "keras" if is_keras else "torch"


def groups_of(
    tensors: Mapping[str, WeightSource],
    names: Mapping[str, str],
    layers: Iterable[LayerParty],
    layout: Layout,
) -> tuple[GroupParty, ...]:
    """The tensors in groups, in the file's order.

    Args:
        tensors: those that are not passed over.
        names: the name of each by the spec's rules.
        layers: those of the network, which tell what numbered tensors are.
        layout: that of the file.
    """
    together: dict[str, list[str]] = {}
    for key in tensors:
        together.setdefault(names[key].rpartition(".")[0], []).append(key)
    kinds = _kinds(layers) if layout == "keras" else {}
    found: dict[str, dict[str, str]] = {}
    for prefix, keys in together.items():
        last = {key: names[key].rpartition(".")[2] for key in keys}
        if kinds and all(word.isascii() and word.isdigit() for word in last.values()):
            ranks = {key: len(tensors[key].shape) for key in keys}
            parts: Iterator[_Part] = _counted(prefix, last, ranks, kinds)
        else:
            parts = _worded(prefix, last)
        for name, role, key in parts:
            group = names[key] if name is None else name
            roles = found.setdefault(group, {})
            # Two that would be the same make a group that no layer's form is.
            roles[role if role not in roles else f"further {len(roles)}"] = key
    tokens = numbered(found)
    positions = {key: at for at, key in enumerate(tensors)}
    groups = [_group(name, tokens[name], keys, tensors, positions) for name, keys in found.items()]
    return tuple(sorted(groups, key=lambda group: group.position))


def _group(
    name: str,
    tokens: Tokens,
    keys: Mapping[str, str],
    tensors: Mapping[str, WeightSource],
    positions: Mapping[str, int],
) -> GroupParty:
    at = sorted(positions[key] for key in keys.values())
    shapes = {key: tuple(tensors[key].shape) for key in keys.values()}
    return GroupParty(name, tokens, keys, shapes, at[0], at[-1] - at[0] == len(at) - 1)


def _kinds(layers: Iterable[LayerParty]) -> _Kinds:
    """What layers of the network own, by the ranks of the arrays in order."""
    kinds: dict[tuple[int, ...], set[tuple[str, ...]]] = {}
    for layer in layers:
        ranks = tuple(len(weight.shape) for weight in layer.weights)
        kinds.setdefault(ranks, set()).add(tuple(weight.name for weight in layer.weights))
    return {ranks: frozenset(names) for ranks, names in kinds.items()}


def _worded(prefix: str, last: Mapping[str, str]) -> Iterator[_Part]:
    """Tensors with words for names."""
    roles = {key: _ROLES.get(word, "") for key, word in last.items()}
    known = [role for role in roles.values() if role]
    is_clear, is_split = len(set(known)) == len(known), "pointwise" in known
    for key, role in roles.items():
        if not role or not is_clear:
            yield None, "weight", key
        elif is_split:  # a separable convolution is two layers of a spec
            below = "depthwise" if role == "depthwise" else "pointwise"
            yield f"{prefix}.{below}", "weight" if role in {"depthwise", "pointwise"} else role, key
        else:
            yield prefix, "weight" if role == "depthwise" else role, key


def _counted(
    prefix: str, last: Mapping[str, str], ranks: Mapping[str, int], kinds: _Kinds
) -> Iterator[_Part]:
    """Numbered tensors, in Keras's order: what the network's layers with such arrays own."""
    keys = sorted(last, key=lambda key: int(last[key][:18]))
    parts = {prefix: keys}
    if len(keys) > 1 and [ranks[key] for key in keys[:2]] == [4, 4]:
        parts = {f"{prefix}.depthwise": keys[:1], f"{prefix}.pointwise": keys[1:]}
    for name, part in parts.items():
        called = kinds.get(tuple(ranks[key] for key in part), frozenset())
        # Where layers differ in what three vectors are, numbers do not tell: no layer fits then.
        unknown = tuple(f"number {number}" for number in range(len(part)))
        words = next(iter(called)) if len(called) == 1 else unknown
        for word, key in zip(words, part, strict=True):
            yield name, word, key
