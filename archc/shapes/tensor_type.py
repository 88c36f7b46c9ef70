"""The type of a tensor: its element type and its axes after the batch axis N."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from typing_extensions import override

from archc.shapes.size import Size, product


class DType(Enum):
    """Element types, under the names that specs and messages use."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    UINT8 = "uint8"
    INT64 = "int64"

    @property
    def is_float(self) -> bool:
        """Whether arithmetic layers take it."""
        return self in (DType.FLOAT32, DType.FLOAT16)

    @property
    def size_bytes(self) -> int:
        """Bytes an element."""
        return {"float32": 4, "float16": 2, "uint8": 1, "int64": 8}[self.value]


CHANNELS, HEIGHT, WIDTH, FEATURES, UNNAMED = "channels", "height", "width", "features", ""


class Axis(NamedTuple):
    """One axis: its name (channels, height, width, features, or unnamed) and its size."""

    name: str
    size: Size


@dataclass(frozen=True, slots=True)
class TensorType:
    """A batch of float or integer arrays: (N, *axes). The batch axis is implied and symbolic."""

    dtype: DType
    axes: tuple[Axis, ...]

    @classmethod
    def image(cls, dtype: DType, channels: Size, height: Size, width: Size) -> TensorType:
        """The type (N, channels, height, width)."""
        return cls(dtype, (Axis(CHANNELS, channels), Axis(HEIGHT, height), Axis(WIDTH, width)))

    @classmethod
    def vector(cls, dtype: DType, features: Size) -> TensorType:
        """The type (N, features)."""
        return cls(dtype, (Axis(FEATURES, features),))

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes of the axes, without the batch."""
        return tuple([axis.size for axis in self.axes])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the axes, without the batch."""
        return tuple([axis.name for axis in self.axes])

    @property
    def rank(self) -> int:
        """The number of axes, the batch included."""
        return len(self.axes) + 1

    @property
    def is_image(self) -> bool:
        """Whether the axes are channels, height, width in this order."""
        return self.names == (CHANNELS, HEIGHT, WIDTH)

    def size(self, name: str) -> Size | None:
        """The size of the axis of this name, or None where there is none."""
        return next((a.size for a in self.axes if a.name == name), None)

    def axis_index(self, axis: str | int) -> int | None:
        """The position (batch = 0) of an axis given by name or by number, or None.

        `channels` finds `features` on a tensor that has no channels any more.
        """
        if isinstance(axis, int):
            return axis if 1 <= axis < self.rank else None
        for name in (axis, FEATURES) if axis == CHANNELS else (axis,):
            if name in self.names:
                return self.names.index(name) + 1
        return None

    def with_axes(self, axes: Iterable[Axis]) -> TensorType:
        """The same element type over other axes."""
        return TensorType(self.dtype, tuple(axes))

    def with_size(self, index: int, size: Size) -> TensorType:
        """The same type with the axis at this position (batch = 0) of another size."""
        axes = list(self.axes)
        axes[index - 1] = Axis(axes[index - 1].name, size)
        return self.with_axes(axes)

    @property
    def count(self) -> Size:
        """Elements a sample."""
        return product(self.sizes)

    @override
    def __str__(self) -> str:
        return f"{self.dtype.value} ({', '.join(['N', *map(str, self.sizes)])})"
