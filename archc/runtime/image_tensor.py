"""Pictures to tensors, by the steps of a preprocessing.

Resizing and cropping follow torchvision's transforms on Pillow images, sizes and rounding included;
without antialiasing they follow its transforms on tensors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.model_input import ModelInput
from archc.runtime.picture import check_pixels, read_picture, to_eight_bits
from archc.runtime.preprocess import Preprocess
from archc.runtime.resample import resample
from archc.shapes.tensor_type import DType
from archc.weights.checkpoint import file_place

INPUT_KIND = Rule(
    "run/input-is-no-image",
    "a picture is given to an input that takes none",
    "A picture has channels, height and width; an input of features has none of them.",
)
CHANNELS = Rule(
    "run/channels",
    "a picture has another number of channels than the input",
    "The preprocessing's colour decides the channels: three for `rgb` and `bgr`, one for `gray`.",
)
SIZE = Rule(
    "run/size",
    "a picture comes out at a size that the input does not take",
    "A network accepts the sizes of its input and no others; preprocessing must lead there.",
)
BYTES_NORMALISED = Rule(
    "run/bytes-normalised",
    "a `uint8` input is fed by a preprocessing that scales or shifts",
    "A `uint8` input takes pixels from 0 to 255 as they are; the network normalises them itself.",
)

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def to_tensor(
    image: Image.Image | Path | str, preprocess: Preprocess, target: ModelInput, reporter: Reporter
) -> NDArray[np.generic] | Failed:
    """The tensor (C, H, W) that a picture gives, or (H, W, C) for a channels-last input.

    Element types are the input's: float32 and float16 hold (x · scale − mean) / std, uint8 holds
    the pixels themselves. There is no batch axis.

    Reports: run/no-such-file, run/not-an-image, run/image-too-large, run/pixel-range,
        run/input-is-no-image, run/channels, run/size, run/bytes-normalised.
    """
    place = file_place("picture" if isinstance(image, Image.Image) else str(image))
    if isinstance(failed := _check_target(preprocess, target, place, reporter), Failed):
        return failed
    if isinstance(image, Image.Image):
        picture = to_eight_bits(image, place, reporter)
    else:
        picture = read_picture(Path(image), reporter)
    if isinstance(picture, Failed):
        return picture
    if preprocess.resize is not None:
        resized = resized_size((picture.height, picture.width), preprocess.resize)
        if isinstance(failed := check_pixels(resized, place, reporter), Failed):
            return failed
    pixels = to_pixels(picture, preprocess)
    if isinstance(failed := _check_size(pixels, preprocess, target, place, reporter), Failed):
        return failed
    if target.dtype is not DType.UINT8:
        return _arrange(_normalise(pixels, preprocess).astype(target.dtype.value), target)
    return _arrange(pixels, target)


def to_pixels(picture: Image.Image, preprocess: Preprocess) -> NDArray[np.uint8]:
    """The pixels (H, W, C) after colour, resize and crop, 0 to 255."""
    picture = picture.convert("L" if preprocess.color == "gray" else "RGB")
    if preprocess.resize is not None:
        picture = _resize(picture, preprocess)
    if preprocess.crop is not None:
        picture = _crop(picture, _pair(preprocess.crop))
    pixels = np.asarray(picture).reshape(picture.height, picture.width, preprocess.channels)
    return pixels[:, :, ::-1] if preprocess.color == "bgr" else pixels


def resized_size(size: tuple[int, int], resize: int | tuple[int, int]) -> tuple[int, int]:
    """The (height, width) that resizing leads to; an int is the new length of the shorter side.

    The longer side is cut to a whole number, as torchvision's `Resize` does.
    """
    if not isinstance(resize, int):
        return resize
    height, width = size
    longer = int(resize * max(size) / min(size))
    return (longer, resize) if width <= height else (resize, longer)


def _resize(picture: Image.Image, preprocess: Preprocess) -> Image.Image:
    assert preprocess.resize is not None
    height, width = resized_size((picture.height, picture.width), preprocess.resize)
    if preprocess.antialias or preprocess.interpolation == "nearest":
        return picture.resize((width, height), _FILTERS[preprocess.interpolation])
    pixels = np.asarray(picture).reshape(picture.height, picture.width, preprocess.channels)
    resized = resample(pixels, (height, width), cubic=preprocess.interpolation == "bicubic")
    return Image.fromarray(resized[:, :, 0] if preprocess.channels == 1 else resized)


def _crop(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    top = _crop_start(picture.height, size[0])
    left = _crop_start(picture.width, size[1])
    return picture.crop((left, top, left + size[1], top + size[0]))


def _crop_start(length: int, wanted: int) -> int:
    # torchvision's rounding: to even where it cuts, down where it pads.
    return round((length - wanted) / 2) if length >= wanted else -((wanted - length) // 2)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _normalise(pixels: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.float64]:
    scaled = pixels.astype(np.float64) * preprocess.scale
    normalised: NDArray[np.float64] = (scaled - preprocess.mean) / preprocess.std
    return normalised


def _arrange(values: NDArray[np.generic], target: ModelInput) -> NDArray[np.generic]:
    return np.ascontiguousarray(values if target.nhwc else values.transpose(2, 0, 1))


def _check_target(
    preprocess: Preprocess, target: ModelInput, place: Place, reporter: Reporter
) -> Failed | None:
    if not target.is_image:
        return reporter.error(
            INPUT_KIND,
            f"a picture cannot be given to the input `{target.name}`, which is {target}",
            place,
        )
    if target.shape[0] != preprocess.channels:
        return reporter.error(
            CHANNELS,
            f"`color: {preprocess.color}` gives {preprocess.channels} channels, and the input "
            f"`{target.name}` takes {target.shape[0]}",
            place,
            helps=_color_help(target.shape[0]),
        )
    if target.dtype is DType.UINT8 and preprocess.normalises:
        return reporter.error(
            BYTES_NORMALISED,
            f"the input `{target.name}` takes pixels as `uint8`, and the preprocessing "
            "has a `scale`, `mean` or `std`",
            place,
            helps=("normalise in the network: `{normalize: {scale: …, mean: …, std: …}}`",),
        )
    return None


def _color_help(channels: int | str) -> tuple[str, ...]:
    colors = {1: "gray", 3: "rgb"}
    if channels not in colors:
        return ()
    return (f"write `preprocess: {{color: {colors[int(channels)]}}}` in the spec",)


def _check_size(
    pixels: NDArray[np.uint8],
    preprocess: Preprocess,
    target: ModelInput,
    place: Place,
    reporter: Reporter,
) -> Failed | None:
    height, width, channels = pixels.shape
    conflict = target.conflict((channels, height, width))
    if conflict is None:
        return None
    return reporter.error(
        SIZE,
        f"the picture comes out as {height} × {width}, and the input `{target.name}` takes "
        f"{target.shape[1]} × {target.shape[2]}",
        place,
        notes=(conflict,),
        helps=_size_help(preprocess, target),
    )


def _size_help(preprocess: Preprocess, target: ModelInput) -> tuple[str, ...]:
    key = "crop" if preprocess.resize is not None and preprocess.crop is not None else "resize"
    height, width = target.shape[1:]
    if isinstance(height, int) and isinstance(width, int):
        return (f"write `preprocess: {{{key}: [{height}, {width}]}}` in the spec",)
    return (f"give `preprocess: {{{key}: [HEIGHT, WIDTH]}}` admitted sizes in the spec",)
