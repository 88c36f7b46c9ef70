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
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class DrawnWeight:
    """The source of a weight that is drawn by its `init`, the same for the same seed and name.

    Attributes:
        weight: its shape, its distribution and its fans.
        name: its full name in the network.
        seed: the recorded seed.
    """

    weight: Weight
    name: str
    seed: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The declared sizes."""
        return self.weight.shape

    @property
    def dtype(self) -> str:
        """What is drawn: float32."""
        return "float32"

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order as `dtype` (float32 or float16), little-endian.

        Memory follows the chunk of 1 MiB, not the weight.

        Raises:
            InternalError: the weight's `init` is no distribution that there is.
        """
        draw = self._draw()
        count = math.prod(self.shape)
        for at in range(0, count, _CHUNK):
            yield converted(draw(min(_CHUNK, count - at)), "float32", dtype)

    def _draw(self) -> Callable[[int], Array]:
        """A function that gives the next elements."""
        init = self.weight.init
        constant = _CONSTANTS.get(init, init)
        if not isinstance(constant, str):
            return lambda count: np.full(count, constant, np.float32)
        digest = hashlib.sha256(f"{self.seed}/{self.name}".encode()).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
        if init in _DEVIATIONS:
            deviation = np.float32(_DEVIATIONS[init](self.weight))
            return lambda count: generator.standard_normal(count, np.float32) * deviation
        if init in _BOUNDS:
            bound = np.float32(_BOUNDS[init](self.weight))
            return lambda count: generator.random(count, np.float32) * (2 * bound) - bound
        raise InternalError(f"`{self.name}` is to be drawn by `{init}`, which is no distribution")
