"""The layers that operators of a model belong to, and the groups that layers make.

archc names an operator by its layer's dotted path; further operators of a layer are `path/Op`, and
a folded one is `conv1+bn1`. Other exporters separate scopes by slashes, the operator last.
"""

from __future__ import annotations

from collections.abc import Sequence

from archc.rewrites.operators import layers_in


def layers_of(operator: str, *, is_ours: bool) -> tuple[str, ...]:
    """The layers that an operator stands for, the main one first.

    >>> layers_of("layer1.0.conv1+.bn1", is_ours=True)
    ('layer1.0.conv1', 'layer1.0.bn1')
    >>> layers_of("/layer1/layer1.0/conv1/Conv", is_ours=False)
    ('layer1/layer1.0/conv1',)
    """
    if is_ours:
        return layers_in(operator)
    scope, _, last = operator.strip("/").rpartition("/")
    return (scope or last,)


def group_of(layer: str, depth: int | None) -> str:
    """The first parts of a layer's name, all of them without a depth.

    >>> group_of("layer1.0.conv1", 2), group_of("layer1/layer1.0/conv1", 1)
    ('layer1.0', 'layer1')
    """
    if depth is None:
        return layer
    separator = "/" if "/" in layer else "."
    return separator.join(layer.split(separator)[:depth])


def others(layers: Sequence[str], main: str) -> tuple[str, ...]:
    """The layers beside the main one, each once."""
    return tuple(name for name in dict.fromkeys(layers) if name != main)
