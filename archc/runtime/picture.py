"""Pictures that a user names: read by `pixels`, and reported where they are none."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PIL import Image

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime import pixels
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


def read_picture(path: Path, reporter: Reporter) -> Image.Image | Failed:
    """The first picture of an image file, decoded, in mode RGB or, where it is gray, L.

    Reports: run/no-such-file, run/not-an-image, run/image-too-large, run/pixel-range.
    """
    if isinstance(failed := check_file(path, reporter), Failed):
        return failed
    try:
        with path.open("rb") as file:
            return _read(file, str(path), reporter)
    except OSError as error:
        return _cannot_be_decoded(str(path), error, reporter)


def read_picture_bytes(data: bytes, name: str, reporter: Reporter) -> Image.Image | Failed:
    """The first picture of an encoded file that is at hand, as `read_picture` gives it.

    Reports: run/not-an-image, run/image-too-large, run/pixel-range.
    """
    return _read(data, name, reporter)


def to_eight_bits(image: Image.Image, name: str, reporter: Reporter) -> Image.Image | Failed:
    """The same picture in mode RGB or L, 0 to 255.

    Reports: run/not-an-image, run/pixel-range.
    """
    try:
        return pixels.to_eight_bits(image)
    except pixels.UnreadablePicture as error:
        return report_unreadable(error, name, reporter)


def report_unreadable(error: pixels.UnreadablePicture, name: str, reporter: Reporter) -> Failed:
    """The diagnostic of a picture that does not become pixels.

    Reports: run/not-an-image, run/image-too-large, run/pixel-range.
    """
    place = file_place(name)
    if isinstance(error, pixels.UnknownFormat):
        return reporter.error(
            NOT_AN_IMAGE,
            f"`{shown(name)}` is no picture in a known format",
            place,
            helps=(f"the formats read are {', '.join(pixels.FORMATS)}",),
        )
    if isinstance(error, pixels.PictureTooLarge):
        return reporter.error(
            IMAGE_TOO_LARGE, str(error), place, helps=("make the picture smaller first",)
        )
    if isinstance(error, pixels.UnknownRange):
        return reporter.error(
            PIXEL_RANGE,
            f"the pixels of `{shown(name)}` are 32-bit numbers without a known range",
            place,
            helps=("save the picture with 8 or 16 bits a channel",),
        )
    return _cannot_be_decoded(name, error.__cause__ or error, reporter)


def _read(source: bytes | IO[bytes], name: str, reporter: Reporter) -> Image.Image | Failed:
    try:
        return pixels.decode(source)
    except pixels.UnreadablePicture as error:
        return report_unreadable(error, name, reporter)


def _cannot_be_decoded(name: str, why: BaseException, reporter: Reporter) -> Failed:
    return reporter.error(
        NOT_AN_IMAGE,
        f"`{shown(name)}` cannot be decoded",
        file_place(name),
        notes=(f"the decoder says: {shown(str(why))}",),
        helps=("the file may be cut short; fetch it again",),
    )
