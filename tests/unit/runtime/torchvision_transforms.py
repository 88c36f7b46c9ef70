"""Both generations of torchvision's transforms, and real pictures to put through them."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from tests.unit.runtime.encoded_pictures import DIGITS, photograph
from tests.zoo import reference

# Left, top, width, height: portrait, odd, and small ones, one of a single column.
PARTS = [(101, 0, 333, 427), (7, 13, 101, 99), (200, 57, 61, 7), (300, 9, 1, 9)]


@cache
def transforms(generation: str) -> ModuleType:
    """`torchvision.transforms`, or its second version."""
    reference._torchvision()
    import torchvision.transforms.v2

    found: ModuleType = torchvision.transforms
    return torchvision.transforms.v2 if generation == "v2" else found


def mode(name: str) -> Any:
    return transforms("v1").InterpolationMode(name)


@cache
def pictures() -> dict[str, Image.Image]:
    """Real photographs, parts of them, and a handwritten digit."""
    datasets = pytest.importorskip("sklearn.datasets")
    whole = {name: Image.fromarray(datasets.load_sample_image(name)) for name in NAMES[:2]}
    found = whole | {"picture.jpg": photograph(), "digit": Image.open(DIGITS[0]).convert("L")}
    for left, top, width, height in PARTS:
        part = whole["china.jpg"].crop((left, top, left + width, top + height))
        found[f"{width}x{height}"] = part
    assert tuple(found) == NAMES
    return found


NAMES = ("china.jpg", "flower.jpg", "picture.jpg", "digit", *(f"{w}x{h}" for *_, w, h in PARTS))
