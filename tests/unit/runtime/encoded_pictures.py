"""Real pictures in every encoding that is read, and headers that promise what is not there."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).parents[3] / "examples"
PHOTOGRAPH = EXAMPLES / "edges" / "picture.jpg"
DIGITS = sorted((EXAMPLES / "digits" / "held_out").glob("*.png"))


@cache
def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as image:
        return image.convert("RGB")


@cache
def files() -> dict[str, bytes]:
    """The photograph in every encoding."""
    return encodings(photograph())


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def encodings(image: Image.Image) -> dict[str, bytes]:
    """One picture in many files; those but the 16-bit ones mean the same to every reader."""
    gray, palette, translucent = image.convert("L"), image.quantize(64), _translucent(image)
    return {
        "ordinary.jpg": encoded(image, "JPEG", quality=85),
        "progressive.jpg": encoded(image, "JPEG", quality=95, progressive=True, subsampling=0),
        "gray.jpg": encoded(gray, "JPEG"),
        "print.jpg": encoded(image.convert("CMYK"), "JPEG"),
        "colour.png": encoded(image, "PNG"),
        "gray.png": encoded(gray, "PNG"),
        "sixteen-bits.png": encoded(_sixteen_bits(gray), "PNG"),
        "translucent.png": encoded(translucent, "PNG"),
        "translucent-gray.png": encoded(translucent.convert("LA"), "PNG"),
        "palette.png": encoded(palette, "PNG"),
        "translucent-palette.png": encoded(palette, "PNG", transparency=bytes(range(0, 256, 4))),
        "two-colours.png": encoded(image.convert("1"), "PNG"),
        "a.gif": encoded(image, "GIF"),
        "lossy.webp": encoded(image, "WEBP", quality=80),
        "translucent.webp": encoded(translucent, "WEBP", lossless=True, exact=True),
        "a.bmp": encoded(image, "BMP"),
        "packed.tif": encoded(image, "TIFF", compression="tiff_lzw"),
        "sixteen-bits.tif": encoded(_sixteen_bits(gray), "TIFF"),
        "a.ppm": encoded(image, "PPM"),
        "a.jp2": encoded(image, "JPEG2000"),
    }


def bombs() -> dict[str, bytes]:
    """Small files that say they are large: 10^10 pixels, more than Pillow itself opens."""
    side = 100_000
    gif = encoded(Image.new("L", (8, 8)), "GIF")
    jpeg = encoded(Image.new("L", (8, 8)), "JPEG")
    frame = jpeg.index(b"\xff\xc0") + 5
    bmp = bytearray(encoded(Image.new("L", (8, 8)), "BMP"))
    bmp[18:26] = struct.pack("<ii", side, side)
    return {
        "a.png": png_of_zeros(side, side),
        "a.pgm": b"P5 %d %d 255\n" % (side, side),
        "a.bmp": bytes(bmp),
        "a.gif": gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:],
        "a.jpg": jpeg[:frame] + struct.pack(">HH", 65500, 65500) + jpeg[frame + 4 :],
    }


def png_of_zeros(width: int, height: int) -> bytes:
    """A gray PNG whose rows, as far as there are any, are black."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )  # fmt: skip


def _sixteen_bits(gray: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)


def _translucent(image: Image.Image) -> Image.Image:
    found = image.copy()
    found.putalpha(Image.linear_gradient("L").resize(image.size))
    return found


def malformed_mpo() -> bytes:
    """A JPEG that says it holds several pictures, and not which; Pillow warns, and reads one."""
    whole = encoded(photograph(), "JPEG")
    index = b"MPF\x00II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    return whole[:2] + b"\xff\xe2" + struct.pack(">H", len(index) + 2) + index + whole[2:]
