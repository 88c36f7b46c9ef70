"""Pictures to tensors, by the steps of a preprocessing: `pixels` up to bytes, then arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.model_input import ModelInput
from archc.runtime.picture import read_picture, report_unreadable, to_eight_bits
from archc.runtime.pixels import PixelSteps, UnreadablePicture, to_pixels
from archc.runtime.preprocess import Preprocess
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


def to_tensor(
    image: Image.Image | Path | str, preprocess: Preprocess, target: ModelInput, reporter: Reporter
) -> NDArray[np.generic] | Failed:
    """The tensor (C, H, W) that a picture gives, or (H, W, C) for a channels-last input.

    Element types are the input's: float32 and float16 hold (x · scale − mean) / std, uint8 holds
    the pixels themselves. There is no batch axis.

    Reports: run/no-such-file, run/not-an-image, run/image-too-large, run/pixel-range,
        run/input-is-no-image, run/channels, run/size, run/bytes-normalised.
    """
    name = "picture" if isinstance(image, Image.Image) else str(image)
    place = file_place(name)
    if isinstance(failed := _check_target(preprocess, target, place, reporter), Failed):
        return failed
    if isinstance(image, Image.Image):
        picture = to_eight_bits(image, name, reporter)
    else:
        picture = read_picture(Path(image), reporter)
    if isinstance(picture, Failed):
        return picture
    try:
        pixels = to_pixels(picture, pixel_steps(preprocess))
    except UnreadablePicture as error:
        return report_unreadable(error, name, reporter)
    if isinstance(failed := _check_size(pixels, preprocess, target, place, reporter), Failed):
        return failed
    if target.dtype is not DType.UINT8:
        return _arrange(_normalise(pixels, preprocess).astype(target.dtype.value), target)
    return _arrange(pixels, target)


def pixel_steps(preprocess: Preprocess) -> PixelSteps:
    """The steps of a preprocessing that lead to pixels; what follows is arithmetic."""
    return PixelSteps.of(preprocess.model_dump())


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
            helps=(
                "run it on arrays: "
                f"`archc.session('net.onnx').run(None, {{'{target.name}': array}})`",
            ),
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
            helps=(_normalize_help(preprocess),),
        )
    return None


def _normalize_help(preprocess: Preprocess) -> str:
    """The first layer of a network that normalises as a preprocessing does."""
    given = preprocess.model_dump(include={"scale", "mean", "std"}, exclude_unset=True)
    scale = {} if "scale" in given else {"scale": preprocess.scale}
    values = ", ".join(f"{key}: {_yaml(value)}" for key, value in {**scale, **given}.items())
    layer = f"`{{normalize: {{{values}}}}}`"
    return f"take it out of `preprocess`, and begin the network's layers with {layer}"


def _yaml(value: float | tuple[float, ...]) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


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
