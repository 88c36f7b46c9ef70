"""Initial weights where no checkpoint gives them, as sources; `drawing` has the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archc.graph.weight import Weight


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
        from archc.weights.drawing import drawn

        return drawn(self.weight, self.name, self.seed, dtype)
