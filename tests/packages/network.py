"""A small network with what it gives, as numpy says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray

from tests.packages.by_numpy import Array

Weights: TypeAlias = Mapping[str, Array]
Answer: TypeAlias = Callable[[Array, Weights], NDArray[Any]]


@dataclass(frozen=True)
class Network:
    """A spec of one image, and the formula of its output.

    Attributes:
        name: what it shows.
        layers: its layers in YAML.
        answer: the output for an image (N, C, H, W) and the weights.
        weights: the sizes of its weights by their names in a checkpoint, written by hand.
        channels: those of the image.
        smallest: the smallest height and width that it admits, worked out by hand.
        multiple_of: what height and width must be multiples of.
        fixed: the only size that it takes, where it takes no other.
    """

    name: str
    layers: str
    answer: Answer
    weights: Mapping[str, Sequence[int]] = field(default_factory=dict)
    channels: int = 4
    smallest: tuple[int, int] = (1, 1)
    multiple_of: int = 1
    fixed: tuple[int, int] | None = None

    def spec(self, height: int | str = "H", width: int | str = "W", where: str = "") -> str:
        """The spec's text for an image of these sizes."""
        if not where and self.multiple_of > 1 and isinstance(height, str):
            step = f"{{multiple_of: {self.multiple_of}}}"
            where = ", ".join(f"{symbol}: {step}" for symbol in sorted({height, str(width)}))
        shape = f"[{self.channels}, {height}, {width}]"
        more = f", where: {{{where}}}" if where else ""
        return f"input: {{image: {{shape: {shape}{more}}}}}\nlayers:\n{self.layers}"
