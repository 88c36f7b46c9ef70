"""An input of a built model, as its file records it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from archc.shapes.tensor_type import DType


@dataclass(frozen=True, slots=True)
class Admitted:
    """The sizes that a symbol admits: at least `least`, and `multiple_of`·k + `remainder`.

    `default` is the size for samples, where the spec gives one.
    """

    least: int = 1
    multiple_of: int = 1
    remainder: int = 0
    default: int | None = None

    def admits(self, size: int) -> bool:
        """Whether a size is one of them."""
        return size >= self.least and (size - self.remainder) % self.multiple_of == 0

    @property
    def sample(self) -> int:
        """The size for samples: the default, else the smallest."""
        if self.default is not None:
            return self.default
        rounds = -(-(self.least - self.remainder) // self.multiple_of)
        return max(rounds, 0) * self.multiple_of + self.remainder

    @override
    def __str__(self) -> str:
        if self.multiple_of == 1:
            return f"{self.least} or more"
        rest = f" plus {self.remainder}" if self.remainder else ""
        return f"a multiple of {self.multiple_of}{rest}, {self.least} or more"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What a built model takes under one name.

    Attributes:
        name: the input's name.
        shape: the sizes without the batch, channels first whatever the layout; a name is a symbol.
        dtype: the element type that the file wants.
        nhwc: whether the file wants channels last.
        where: the admitted sizes of the symbols, where they are recorded.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: DType = DType.FLOAT32
    nhwc: bool = False
    where: Mapping[str, Admitted] = field(default_factory=dict)

    @property
    def is_image(self) -> bool:
        """Whether the shape is channels, height, width."""
        return len(self.shape) == 3

    @property
    def fed_shape(self) -> tuple[int | str, ...]:
        """The sizes without the batch, in the order in which the file takes them."""
        return (*self.shape[1:], self.shape[0]) if self.nhwc else self.shape

    def conflict(self, sizes: Sequence[int]) -> str | None:
        """Why sizes without the batch, channels first, are not taken; None where they are."""
        if len(sizes) != len(self.shape):
            return f"it has {len(self.shape)} axes without the batch, not {len(sizes)}"
        symbols: dict[str, int] = {}
        for size, wanted in zip(sizes, self.shape, strict=True):
            if isinstance(wanted, int):
                if size != wanted:
                    return f"{size} stands where it takes {wanted}"
                continue
            admitted = self.where.get(wanted, Admitted())
            if not admitted.admits(size):
                return f"`{wanted}` is {admitted}, not {size}"
            if symbols.setdefault(wanted, size) != size:
                return f"`{wanted}` is one size, not both {symbols[wanted]} and {size}"
        return None

    @override
    def __str__(self) -> str:
        return f"{self.dtype.value} ({', '.join(['N', *map(str, self.fed_shape)])})"
