"""Image files to pixels: opening, checking and reducing every kind of picture to 8 bits.

Pixels are taken as the file stores them: an EXIF orientation is not applied, and a channel of
transparency is left out, both as torchvision and timm do when they read a data set.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.given_file import check_file
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NOT_AN_IMAGE = Rule(
    "run/not-an-image",
    "a file is no picture that can be decoded",
    "A file of another kind, or one that is cut short, would give pixels that nobody took.",
)
IMAGE_TOO_LARGE = Rule(
    "run/image-too-large",
    "a picture has, or is enlarged to, more pixels than are handled",
    "A small file can unpack to gigabytes of pixels; the bound is checked before memory is taken.",
)
PIXEL_RANGE = Rule(
    "run/pixel-range",
    "a picture's pixels have no known range",
    "Preprocessing counts from 0 to 255; a 32-bit picture does not say what is white.",
)

MAX_PIXELS = 100_000_000
"""Pixels of the largest picture that is handled; a camera's largest has about 60 million."""

# Only formats that Pillow decodes itself: others, such as EPS, start programs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    TypeError,
    EOFError,
    KeyError,
    OverflowError,
)


def read_picture(path: Path, reporter: Reporter) -> Image.Image | Failed:
    """The first picture of an image file, decoded, in mode RGB or, where it is gray, L.

    Reports: run/no-such-file, run/not-an-image, run/image-too-large, run/pixel-range.
    """
    if isinstance(failed := check_file(path, reporter), Failed):
        return failed
    place = file_place(str(path))
    try:
        with warnings.catch_warnings():
            # Pillow warns of what it then copes with: odd EXIF data, and sizes, bounded below.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                if isinstance(failed := check_pixels(image.size, place, reporter), Failed):
                    return failed
                image.load()
                return to_eight_bits(image, place, reporter)
    except UnidentifiedImageError:
        return reporter.error(
            NOT_AN_IMAGE,
            f"`{shown(str(path))}` is no picture in a known format",
            place,
            helps=(f"the formats read are {', '.join(FORMATS)}",),
        )
    except Image.DecompressionBombError:
        return _too_large(f"more than {MAX_PIXELS}", place, reporter)
    except _BROKEN as error:
        return reporter.error(
            NOT_AN_IMAGE,
            f"`{shown(str(path))}` cannot be decoded",
            place,
            notes=(f"the decoder says: {shown(str(error))}",),
            helps=("the file may be cut short; fetch it again",),
        )


def to_eight_bits(image: Image.Image, place: Place, reporter: Reporter) -> Image.Image | Failed:
    """The same picture in mode RGB or L, 0 to 255.

    Transparency is left out, 16-bit gray is divided by 257, palettes are looked up.

    Reports: run/pixel-range.
    """
    if image.mode in ("RGB", "L"):
        return image.copy()
    if image.mode in ("1", "LA"):
        return image.convert("L")
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return _from_wide_gray(image, place, reporter)
    if image.mode in ("P", "PA"):
        # By way of RGBA, since Pillow warns when a palette's transparency is dropped at once.
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def check_pixels(size: tuple[int, int], place: Place, reporter: Reporter) -> Failed | None:
    """None where a picture of these two lengths is small enough to be handled.

    Reports: run/image-too-large.
    """
    if size[0] * size[1] <= MAX_PIXELS:
        return None
    return _too_large(f"{size[0]} × {size[1]}", place, reporter)


def _from_wide_gray(image: Image.Image, place: Place, reporter: Reporter) -> Image.Image | Failed:
    values = np.asarray(image)
    is_sixteen_bits = image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")
    )
    if not is_sixteen_bits:
        return reporter.error(
            PIXEL_RANGE,
            f"the pixels of `{shown(place.span.file)}` are 32-bit numbers without a known range",
            place,
            helps=("save the picture with 8 or 16 bits a channel",),
        )
    return Image.fromarray(np.rint(values.astype(np.float64) / 257).clip(0, 255).astype(np.uint8))


def _too_large(pixels: str, place: Place, reporter: Reporter) -> Failed:
    return reporter.error(
        IMAGE_TOO_LARGE,
        f"the picture has {pixels} pixels, and at most {MAX_PIXELS} are handled",
        place,
        helps=("make the picture smaller first",),
    )
