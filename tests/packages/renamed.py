"""A small network, and its weights under other names and in Keras's layout."""

from __future__ import annotations

import numpy as np

import archc
from tests.packages.building import Arrays, Built, draw_weights

NET = """\
params: {classes: 4}
input: {image: [3, 9, 9]}
layers:
  stem: {conv: 8, kernel: 3, bias: false}
  block1: [{conv: 8, kernel: 1}, batch_norm, relu]
  block2: [{conv: 8, kernel: 1}, batch_norm, relu]
  pool: {global_avg_pool: {keep_dims: false}}
  fc: {dense: $classes}
"""
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
WEIGHTS = draw_weights({
    "stem.weight": (8, 3, 3, 3),
    **{f"block{i}.0.weight": (8, 8, 1, 1) for i in (1, 2)},
    **{f"block{i}.0.bias": (8,) for i in (1, 2)},
    **{f"block{i}.1.{name}": (8,) for i in (1, 2) for name in BATCH_NORM},
    "fc.weight": (4, 8), "fc.bias": (4,),
})  # fmt: skip
NAMES = {
    "stem": "first.conv", "block1.0": "body.3.conv", "block1.1": "body.3.norm",
    "block2.0": "body.4.conv", "block2.1": "body.4.norm", "fc": "top",
}  # fmt: skip
AUTO = archc.WeightPolicies(match="auto")


def under(names: dict[str, str], weights: Arrays = WEIGHTS) -> Arrays:
    """The weights under other names of layers, in the order of the network."""
    found = {}
    for name, array in weights.items():
        layer, _, last = name.rpartition(".")
        found[f"{names.get(layer, layer)}.{last}"] = array
    return {name: found[name] for name in sorted(found, key=list(found).index)}


def in_keras(weights: Arrays) -> Arrays:
    words = dict(zip(BATCH_NORM, ("gamma", "beta", "moving_mean", "moving_variance"), strict=True))
    found: Arrays = {}
    for name, array in weights.items():
        layer, _, last = name.rpartition(".")
        if array.ndim > 1:
            axes = (2, 3, 1, 0) if array.ndim == 4 else (1, 0)
            found[f"{layer}.kernel"] = np.ascontiguousarray(array.transpose(axes))
        else:
            found[f"{layer}.{words[last] if 'norm' in layer else last}"] = array
    return found


def same(a: Built, b: Built) -> bool:
    digests = {built.metadata["archc.weights_digest"] for built in (a, b)}
    return len(digests) == 1
