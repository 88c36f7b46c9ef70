"""The preprocessing that a spec writes: how an image file becomes the first input of a model.

Its steps, in this order: colour, resize, crop, then (x · scale − mean) / std a channel.
`pixels` and `image_tensor` take them; this file needs neither numpy nor Pillow.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, FiniteFloat, model_validator

Length: TypeAlias = Annotated[int, Ge(1), Le(16384)]
"""A side of a picture, in pixels."""

Factors: TypeAlias = FiniteFloat | tuple[FiniteFloat, ...]
"""A number for all channels, or one a channel."""


class Preprocess(BaseModel):
    """The steps from a picture to a tensor; defaults are those of the spec language.

    Attributes:
        resize: the length of the shorter side, or (height, width); None keeps the size.
        crop: the central square's side, or (height, width); a smaller picture is padded with 0.
        interpolation: how pixels between pixels are found.
        antialias: whether shrinking averages over all pixels that fall on one.
        color: the channels and their order.
        scale: what pixels from 0 to 255 are multiplied with.
        mean: what is then subtracted, for all channels or one a channel.
        std: what is then divided by, for all channels or one a channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    resize: Length | tuple[Length, Length] | None = None
    crop: Length | tuple[Length, Length] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    antialias: bool = True
    color: Literal["rgb", "bgr", "gray"] = "rgb"
    scale: FiniteFloat = 1 / 255
    mean: Factors = 0.0
    std: Factors = 1.0

    @model_validator(mode="after")
    def _fits_the_channels(self) -> Self:
        for name, factors in (("mean", self.mean), ("std", self.std)):
            if isinstance(factors, tuple) and len(factors) != self.channels:
                raise ValueError(
                    f"`{name}` has {len(factors)} numbers, and `color: {self.color}` "
                    f"has {self.channels} channels"
                )
        if 0 in _each(self.std):
            raise ValueError("`std` must not be 0")
        return self

    @property
    def channels(self) -> int:
        """The number of channels that the colour gives."""
        return 1 if self.color == "gray" else 3

    @property
    def normalises(self) -> bool:
        """Whether a scale, mean or std is asked for, apart from the default scale of 1/255."""
        return self.scale != 1 / 255 or {*_each(self.mean)} != {0.0} or {*_each(self.std)} != {1.0}

    def scale_and_shift(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """A factor and a shift a channel: x · factor + shift is (x · scale − mean) / std."""
        mean, std = (
            given if isinstance(given, tuple) else (given,) * self.channels
            for given in (self.mean, self.std)
        )
        factors = tuple(self.scale / s for s in std)
        return factors, tuple(-m / s for m, s in zip(mean, std, strict=True))


def final_size(preprocess: Preprocess) -> tuple[int, int] | None:
    """The (height, width) that every picture comes out at; None where that is the picture's."""
    if isinstance(preprocess.crop, int):
        return preprocess.crop, preprocess.crop
    if preprocess.crop is not None:
        return preprocess.crop
    return preprocess.resize if isinstance(preprocess.resize, tuple) else None


def _each(factors: Factors) -> tuple[float, ...]:
    return factors if isinstance(factors, tuple) else (factors,)
