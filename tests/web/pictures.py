"""Pictures of every kind that browsers decode, written for tests from one photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

PHOTOGRAPH = Path(__file__).parents[2] / "examples" / "edges" / "picture.jpg"

_ORIENTATION = 0x0112


def write_pictures(folder: Path) -> list[Path]:
    """The pictures, in files whose names say what is special about them."""
    with Image.open(PHOTOGRAPH) as image:
        photo = image.convert("RGB").resize((330, 250))
    gray = photo.convert("L")
    fading = Image.fromarray(np.tile(np.linspace(0, 255, 330).astype(np.uint8), (250, 1)))
    turned = Image.Exif()
    turned[_ORIENTATION] = 6
    dark = PngImagePlugin.PngInfo()
    dark.add(b"gAMA", (100_000).to_bytes(4, "big"))
    transparent, gray_transparent = photo.copy(), gray.copy()
    transparent.putalpha(fading)
    gray_transparent.putalpha(fading)
    photo.save(folder / "colour.png")
    photo.save(folder / "gamma.png", pnginfo=dark)
    photo.save(folder / "turned.png", exif=turned)
    photo.convert("P").save(folder / "palette.png")
    gray.save(folder / "gray.png")
    gray.convert("1").save(folder / "one-bit.png")
    transparent.save(folder / "transparent.png")
    gray_transparent.save(folder / "gray-transparent.png")
    photo.save(folder / "subsampled.jpg", quality=80)
    gray.save(folder / "gray.jpg", quality=80)
    photo.save(folder / "turned.jpg", quality=90, exif=turned)
    photo.save(folder / "progressive.jpg", quality=60, progressive=True)
    photo.save(folder / "lossless.webp", lossless=True)
    photo.save(folder / "turned.webp", lossless=True, exif=turned)
    photo.save(folder / "plain.bmp")
    photo.convert("P").save(folder / "still.gif")
    return sorted(folder.iterdir())
