"""Encoded pictures to the pixels that a network takes: decoding, colour, resizing, cropping.

This one file is what `archc run`, clients and served packages share: packages hold a verbatim copy
of it. So it imports the standard library, numpy (1.24 or newer) and Pillow (10 or newer) alone,
and is written for Python 3.8.

Pixels are taken as Pillow gives them, as torchvision and timm do when they read a data set: a
channel of transparency is left out, and an EXIF orientation is not applied (Pillow itself turns a
TIFF's). Antialiased resizing is Pillow's, sizes and rounding are those of torchvision's
`transforms.Resize` and `CenterCrop`. Resizing without antialiasing is that of
`torch.nn.functional.interpolate`: pixel i of m, over n pixels, lies at x = (i + 1/2)·n/m − 1/2, and
is a weighted mean of the two (bilinear) or four (bicubic, Keys 1981, a = −3/4) pixels around x,
where pixels beyond the border repeat it.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 100_000_000
"""Pixels of the largest picture that is handled; a camera's largest has about 60 million."""

# Only formats that Pillow decodes itself: others, such as EPS, start programs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_CUBIC_A = -0.75
_BAND_PIXELS = 1 << 20
_EIGHT_BITS_OF_SIXTEEN = np.rint(np.arange(65536) / 257).astype(np.uint8)


class UnreadablePicture(ValueError):  # noqa: N818  (what it says is the picture, not an error)
    """A picture that does not become pixels; its text says why."""


class UnknownFormat(UnreadablePicture):
    """The bytes are no picture in one of `FORMATS`."""


class BrokenPicture(UnreadablePicture):
    """The decoder gave up, or there is no pixel; what the decoder raised is its cause."""


class PictureTooLarge(UnreadablePicture):
    """The picture has, or would be enlarged to, more than `MAX_PIXELS`."""


class UnknownRange(UnreadablePicture):
    """The pixels are 32-bit numbers, and nothing says which of them is white."""


class PixelSteps(NamedTuple):
    """What happens to a picture, in this order: colour, resize, crop.

    Attributes:
        resize: the length of the shorter side, or (height, width); None keeps the size.
        crop: the central square's side, or (height, width); a smaller picture is padded with 0.
        interpolation: `nearest`, `bilinear` or `bicubic`.
        antialias: whether shrinking averages over all pixels that fall on one.
        color: the channels and their order: `rgb`, `bgr` or `gray`.
    """

    resize: int | tuple[int, int] | None = None
    crop: int | tuple[int, int] | None = None
    interpolation: str = "bilinear"
    antialias: bool = True
    color: str = "rgb"

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> PixelSteps:
        """The steps that a dictionary holds, as `json.loads` gives it; other keys do not matter.

        >>> PixelSteps.of({"resize": 256, "crop": [224, 192], "mean": 0.5}).crop
        (224, 192)
        """
        known: dict[str, Any] = {name: plain[name] for name in cls._fields if name in plain}
        for name in ("resize", "crop"):
            if isinstance(known.get(name), list):
                known[name] = tuple(known[name])
        return cls(**known)


def decode(data: bytes | IO[bytes]) -> Image.Image:
    """The first picture of an encoded file, in mode RGB or, where it is gray, L.

    Raises:
        UnreadablePicture: for whatever the bytes are instead.
    """
    source = io.BytesIO(data) if isinstance(data, (bytes, bytearray, memoryview)) else data
    with _quiet, _decoding(), Image.open(source, formats=FORMATS) as image:
        check_size(image.size)
        image.load()
        return to_eight_bits(image)


def to_eight_bits(image: Image.Image) -> Image.Image:
    """The same picture in mode RGB or L, 0 to 255.

    Transparency is left out, 16-bit gray is divided by 257, palettes are looked up.

    Raises:
        UnreadablePicture: for pixels without a known range, without colours, or none at all.
    """
    if 0 in image.size:
        raise BrokenPicture("the picture has no pixels")
    with _decoding():
        if image.mode in ("RGB", "L"):
            return image.copy()
        if image.mode in ("1", "LA"):
            return image.convert("L")
        if image.mode in ("I", "F") or image.mode.startswith("I;"):
            return _from_wide_gray(image)
        if image.mode in ("P", "PA"):
            # By way of RGBA, since Pillow warns when a palette's transparency is dropped at once.
            return image.convert("RGBA").convert("RGB")
        return image.convert("RGB")


def to_pixels(picture: Image.Image, steps: PixelSteps) -> NDArray[np.uint8]:
    """The pixels (H, W, C) after colour, resize and crop, 0 to 255, of a picture from `decode`.

    Raises:
        PictureTooLarge: where a step would lead to more than `MAX_PIXELS`.
    """
    if picture.mode not in ("RGB", "L"):
        picture = to_eight_bits(picture)
    mode = "L" if steps.color == "gray" else "RGB"
    if picture.mode != mode:
        picture = picture.convert(mode)
    if steps.resize is not None:
        size = resized_size((picture.height, picture.width), steps.resize)
        picture = _resize(picture, size, steps)
    if steps.crop is not None:
        crop = (steps.crop, steps.crop) if isinstance(steps.crop, int) else steps.crop
        picture = _crop(picture, crop)
    pixels = _array(picture)
    return np.array(pixels[:, :, ::-1] if steps.color == "bgr" else pixels)


def resized_size(size: tuple[int, int], resize: int | tuple[int, int]) -> tuple[int, int]:
    """The (height, width) that resizing leads to; an int is the new length of the shorter side.

    The longer side is cut to a whole number, as torchvision's `Resize` does.
    """
    if not isinstance(resize, int):
        return resize
    height, width = size
    longer = int(resize * max(size) / min(size))
    return (longer, resize) if width <= height else (resize, longer)


def check_size(size: tuple[int, int]) -> None:
    """Nothing, where a picture of these two lengths is small enough to be handled.

    Raises:
        PictureTooLarge: where it is not.
    """
    if size[0] * size[1] > MAX_PIXELS:
        raise _too_large(f"{size[0]} × {size[1]}")


def _too_large(pixels: str) -> PictureTooLarge:
    return PictureTooLarge(
        f"the picture has {pixels} pixels; {MAX_PIXELS} are the most that are handled"
    )


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except UnreadablePicture:
        raise
    except UnidentifiedImageError as error:
        raise UnknownFormat(
            f"the picture is in none of the formats {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(f"more than {MAX_PIXELS}") from error
    # A decoder that meets nonsense raises whatever the nonsense leads to.
    except Exception as error:
        says = str(error) or type(error).__name__
        raise BrokenPicture(f"the picture cannot be decoded: {says}") from error


class _Quiet:
    """Drops what Pillow warns of and then copes with, while any thread is inside.

    `warnings.catch_warnings` would put back what another thread has changed meanwhile.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filter: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                warnings.filterwarnings("ignore", module=r"PIL(?:\.|$)")
                self._filter = warnings.filters[0]

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                with suppress(ValueError):
                    warnings.filters.remove(self._filter)  # type: ignore[attr-defined]


_quiet = _Quiet()


def _from_wide_gray(image: Image.Image) -> Image.Image:
    is_sixteen_bits = image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")
    )
    if not is_sixteen_bits:
        raise UnknownRange("the picture's pixels are 32-bit numbers without a known range")
    return Image.fromarray(_EIGHT_BITS_OF_SIXTEEN[np.asarray(image).clip(0, 65535)])


def _array(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture).reshape(picture.height, picture.width, len(picture.getbands()))


def _resize(picture: Image.Image, size: tuple[int, int], steps: PixelSteps) -> Image.Image:
    check_size(size)
    if steps.antialias or steps.interpolation == "nearest":
        return picture.resize((size[1], size[0]), _FILTERS[steps.interpolation])
    resized = _interpolate(_array(picture), size, is_cubic=steps.interpolation == "bicubic")
    return Image.fromarray(resized[:, :, 0] if picture.mode == "L" else resized)


def _crop(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    check_size(size)
    top = _crop_start(picture.height, size[0])
    left = _crop_start(picture.width, size[1])
    return picture.crop((left, top, left + size[1], top + size[0]))


def _crop_start(length: int, wanted: int) -> int:
    # torchvision's rounding: to even where it cuts, down where it pads.
    return round((length - wanted) / 2) if length >= wanted else -((wanted - length) // 2)


def _interpolate(
    pixels: NDArray[np.uint8], size: tuple[int, int], *, is_cubic: bool
) -> NDArray[np.uint8]:
    height, width = size
    resized = np.empty((height, width, pixels.shape[2]), dtype=np.uint8)
    # In bands of rows, so that a large picture is not held as 64-bit numbers.
    step = max(1, _BAND_PIXELS // max(width, pixels.shape[1]))
    for start in range(0, height, step):
        band = slice(start, start + step)
        rows = _along(pixels, np.arange(height)[band], height, axis=0, is_cubic=is_cubic)
        both = _along(rows, np.arange(width), width, axis=1, is_cubic=is_cubic)
        resized[band] = np.rint(both).clip(0, 255)
    return resized


def _along(
    values: NDArray[Any], wanted: NDArray[np.int64], length: int, *, axis: int, is_cubic: bool
) -> NDArray[np.float64]:
    n = values.shape[axis]
    x = (wanted + 0.5) * (n / length) - 0.5
    left = np.floor(x).astype(np.int64)
    t = x - left
    weights = _cubic_weights(t) if is_cubic else {0: 1 - t, 1: t}
    total = np.zeros((), dtype=np.float64)
    for offset, weight in weights.items():
        taken = values.take((left + offset).clip(0, n - 1), axis=axis)
        total = total + taken * weight.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return total


def _cubic_weights(t: NDArray[np.float64]) -> dict[int, NDArray[np.float64]]:
    return {-1: _far(1 + t), 0: _near(t), 1: _near(1 - t), 2: _far(2 - t)}


def _near(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((_CUBIC_A + 2) * x - (_CUBIC_A + 3)) * x * x + 1


def _far(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((x - 5) * x + 8) * x * _CUBIC_A - 4 * _CUBIC_A
