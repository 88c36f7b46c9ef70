"""Initial weights where no checkpoint gives them: a fixed function of a seed and a full name.

The recipe. The SHA-256 of the text `<seed>/<full name>`, read as a big-endian integer, seeds a
numpy `Generator(PCG64)`. It draws the elements in C order as float32: `standard_normal` times the
standard deviation, or `random` in [0, 1) times twice the bound minus the bound. So a weight does
not depend on the others, nor on their order. With the fans f_in and f_out:

    he_normal       normal, deviation sqrt(2 / f_in)           He et al. 2015, eq. 10
    he_uniform      uniform, bound sqrt(6 / f_in)              of the same variance
    glorot_normal   normal, deviation sqrt(2 / (f_in + f_out)) Glorot and Bengio 2010, eq. 12
    glorot_uniform  uniform, bound sqrt(6 / (f_in + f_out))    Glorot and Bengio 2010, eq. 16
    zeros, ones     the constant; so is a number
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from archc.diagnostics.errors import InternalError
from archc.graph.weight import Weight
from archc.weights.conversion import Array, converted

_CHUNK = 1 << 18
"""Elements drawn at once, 1 MiB of float32."""

_CONSTANTS: Mapping[object, float] = {"zeros": 0.0, "ones": 1.0}
_DEVIATIONS: Mapping[object, Callable[[Weight], float]] = {
    "he_normal": lambda weight: math.sqrt(2 / weight.fan_in),
    "glorot_normal": lambda weight: math.sqrt(2 / (weight.fan_in + weight.fan_out)),
}
_BOUNDS: Mapping[object, Callable[[Weight], float]] = {
    "he_uniform": lambda weight: math.sqrt(6 / weight.fan_in),
    "glorot_uniform": lambda weight: math.sqrt(6 / (weight.fan_in + weight.fan_out)),
}


def drawn(weight: Weight, name: str, seed: int, dtype: str) -> Iterator[memoryview]:
    """The elements of a weight in C order as `dtype`, in chunks of 1 MiB of float32.

    Raises:
        InternalError: the weight's `init` is no distribution that there is.
    """
    draw = _draw(weight, name, seed)
    count = math.prod(weight.shape)
    for at in range(0, count, _CHUNK):
        yield converted(draw(min(_CHUNK, count - at)), "float32", dtype)


def _draw(weight: Weight, name: str, seed: int) -> Callable[[int], Array]:
    """A function that gives the next elements."""
    init = weight.init
    constant = _CONSTANTS.get(init, init)
    if not isinstance(constant, str):
        return lambda count: np.full(count, constant, np.float32)
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
    if init in _DEVIATIONS:
        deviation = np.float32(_DEVIATIONS[init](weight))
        return lambda count: generator.standard_normal(count, np.float32) * deviation
    if init in _BOUNDS:
        bound = np.float32(_BOUNDS[init](weight))
        return lambda count: generator.random(count, np.float32) * (2 * bound) - bound
    raise InternalError(f"`{name}` is to be drawn by `{init}`, which is no distribution")
