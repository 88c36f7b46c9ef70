"""Writes the held-out fifth of the digits as small PNG files, for `train.py` and `demo.py`.

    python examples/digits/prepare.py

Needs scikit-learn. A file is called `<label>_<index>.png`, by the digit's index in `load_digits`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HELD_OUT = Path(__file__).parent / "held_out"
HELD_OUT_COUNT = 360


def pictures() -> tuple[list[Image.Image], NDArray[np.int64]]:
    """All 1,797 scans as 8 × 8 gray pictures, 0 to 255, and their labels."""
    scans, labels = load_digits(return_X_y=True)
    gray = np.rint(scans.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    return [Image.fromarray(scan) for scan in gray], labels


def main() -> None:
    """Writes the files, the same ones every time: the split is stratified and seeded."""
    images, labels = pictures()
    _, held_out = train_test_split(
        np.arange(len(images)), test_size=HELD_OUT_COUNT, stratify=labels, random_state=0
    )
    HELD_OUT.mkdir(exist_ok=True)
    for index in sorted(held_out):
        images[index].save(HELD_OUT / f"{labels[index]}_{index:04d}.png", optimize=True)
    print(f"wrote {len(held_out)} pictures to {HELD_OUT}")


if __name__ == "__main__":
    main()
