"""A recipe for weights and inputs that needs a name, a shape and numpy alone.

A checkpoint drawn by it is the same everywhere, so answers to it can be committed without it. Every
array comes from the raw bits of a Philox counter whose key is a digest of the array's name, made
uniform, which involves no function that platforms or versions round differently:

=====================  =========================================================================
kernels, `weight`      uniform about 0 with variance 2 / fan in: a ReLU keeps the scale (He et al.,
of two or more axes    Delving deep into rectifiers, 2015)
`weight` of one axis   0.6 to 1.4
`bias`                 -0.2 to 0.2
`running_mean`         -0.1 to 0.1
`running_var`          0.8 to 1.25
inputs                 -1.7 to 1.7
=====================  =========================================================================
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

SPANS = {
    "weight": (0.6, 1.4),
    "bias": (-0.2, 0.2),
    "running_mean": (-0.1, 0.1),
    "running_var": (0.8, 1.25),
    "input": (-1.7, 1.7),
}


def draw_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """A checkpoint's arrays for the names and shapes of a network's weights."""
    return {name: _draw(name, shape) for name, shape in shapes.items()}


def draw_input(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An input (N, C, H, W)."""
    return _draw("input", shape)


def _draw(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    digest = hashlib.sha256(name.encode()).digest()
    bits = np.random.Philox(key=int.from_bytes(digest[:16], "little"))
    uniform = (bits.random_raw(math.prod(shape)) >> np.uint64(11)) * 2.0**-53
    low, high = _span(name, shape)
    return (low + (high - low) * uniform).astype(np.float32).reshape(shape)


def _span(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    kind = name.rpartition(".")[2]
    if kind == "weight" and len(shape) > 1:
        bound = math.sqrt(3 * 2 / math.prod(shape[1:]))
        return -bound, bound
    return SPANS[kind]
