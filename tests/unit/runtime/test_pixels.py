"""What `pixels` gives, with or without archc around it."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archc.runtime import pixels
from archc.runtime.pixels import PixelSteps, decode, resized_size, to_pixels
from tests.unit.runtime.encoded_pictures import DIGITS, PHOTOGRAPH, files, photograph

SOURCE = Path(pixels.__file__)
STEPS = [
    PixelSteps(),
    PixelSteps(resize=64, crop=56),
    PixelSteps(resize=(33, 47), interpolation="bicubic", color="bgr"),
    PixelSteps(resize=90, crop=(99, 40), interpolation="bicubic", antialias=False),
    PixelSteps(resize=400, interpolation="bilinear", antialias=False, color="gray"),
    PixelSteps(resize=21, interpolation="nearest", color="gray"),
]
LOSSLESS = ("colour.png", "gray.png", "sixteen-bits.png", "translucent.png", "translucent-gray.png",
            "translucent.webp", "a.bmp", "packed.tif", "sixteen-bits.tif", "a.ppm")  # fmt: skip
RUNNER = """
import json, sys
sys.modules["archc"] = None
import numpy as np
import archc_pixels
files, given, target = json.load(sys.stdin)
found = {}
for file in files:
    with open(file, "rb") as opened:
        picture = archc_pixels.decode(opened.read())
    for i, steps in enumerate(given):
        pixels = archc_pixels.to_pixels(picture, archc_pixels.PixelSteps.of(steps))
        found["%s %d" % (file, i)] = pixels
np.savez(target, **found)
"""


def gray(values: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(values, dtype=np.uint8))


def row(picture: Image.Image, **steps: Any) -> list[int]:
    found: list[int] = to_pixels(picture, PixelSteps(color="gray", **steps))[0, :, 0].tolist()
    return found


def imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0
            found.add(node.module.partition(".")[0])
    return found


def test_the_file_stands_alone_and_is_old_enough_for_servers() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 8))
    assert imported(tree) - sys.stdlib_module_names == {"numpy", "PIL"}


def test_a_copy_gives_the_same_pixels_without_archc(tmp_path: Path) -> None:
    shutil.copy(SOURCE, tmp_path / "archc_pixels.py")
    (tmp_path / "runner.py").write_text(RUNNER)
    for name, data in files().items():
        (tmp_path / name).write_bytes(data)
    given = [PHOTOGRAPH, *DIGITS[::60], *(tmp_path / name for name in files())]
    task = [[str(path) for path in given], [s._asdict() for s in STEPS], "found.npz"]
    # `-W error`: what is a warning here would fill up a server's log.
    command = [sys.executable, "-W", "error", "runner.py"]
    subprocess.run(command, cwd=tmp_path, input=json.dumps(task), text=True, check=True)
    found = np.load(tmp_path / "found.npz")
    assert len(found.files) == len(given) * len(STEPS)
    for path in given:
        picture = decode(path.read_bytes())
        for i, steps in enumerate(STEPS):
            assert np.array_equal(found[f"{path} {i}"], to_pixels(picture, steps)), (path, steps)


def test_steps_come_from_json_and_leave_the_rest_alone() -> None:
    steps = PixelSteps(resize=(9, 8), crop=7, interpolation="nearest", antialias=False, color="bgr")
    assert PixelSteps.of(json.loads(json.dumps(steps._asdict()))) == steps
    assert PixelSteps.of({"mean": [0.5], "crop": None, "resize": 3}) == PixelSteps(resize=3)


@pytest.mark.parametrize("steps", STEPS)
def test_pixels_are_bytes_in_rows_that_may_be_written(steps: PixelSteps) -> None:
    found = to_pixels(photograph(), steps)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert found.shape[2] == (1 if steps.color == "gray" else 3)


def test_every_encoding_is_the_same_picture() -> None:
    colour, luma = np.asarray(photograph()), np.asarray(photograph().convert("L"))
    for name, data in files().items():
        found = np.asarray(decode(data))
        expected = luma if found.ndim == 2 else colour
        if name in LOSSLESS:
            assert np.array_equal(found, expected), name
        elif name != "two-colours.png":
            # A palette of 64 loses the most, and a wrong order of channels would be 30 off.
            assert np.abs(found.astype(int) - expected).mean() < 12, name


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight(tmp_path: Path) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / "a.png")
    found = np.asarray(decode((tmp_path / "a.png").read_bytes()))
    assert np.array_equal(found, np.rint(values / 257))


@pytest.mark.parametrize(
    ("size", "resize", "expected"),
    [
        ((480, 640), 256, (256, 341)),
        ((640, 480), 256, (341, 256)),
        ((100, 100), 7, (7, 7)),
        ((3, 1000), 2, (2, 666)),
        ((480, 640), (10, 20), (10, 20)),
    ],
)
def test_an_int_is_the_shorter_side(
    size: tuple[int, int], resize: int | tuple[int, int], expected: tuple[int, int]
) -> None:
    assert resized_size(size, resize) == expected


def test_shrinking_averages_unless_told_otherwise() -> None:
    stripes = gray([[0, 0, 240, 240, 0, 0, 240, 240]] * 2)
    # A triangle of weights over eight pixels: 240 · 1.5 / 3.5 and 240 · 2 / 3.5.
    assert row(stripes, resize=(2, 2)) == [103, 137]
    assert row(stripes, resize=(2, 2), antialias=False) == [120, 120]


def test_bilinear_enlarging_has_half_pixel_centres() -> None:
    for antialias in (True, False):
        assert row(gray([[0, 100]]), resize=(1, 4), antialias=antialias) == [0, 25, 75, 100]


def test_bicubic_without_antialias_has_the_coefficient_of_three_quarters() -> None:
    steps = {"resize": (1, 8), "interpolation": "bicubic", "antialias": False}
    # Keys' weights a quarter past a pixel are −27, 225, 67 and −9 of 256.
    assert row(gray([[50, 50, 150, 150]]), **steps) == [50, 46, 39, 73, 127, 161, 154, 150]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_bands_of_rows_do_not_show(monkeypatch: pytest.MonkeyPatch, interpolation: str) -> None:
    steps = PixelSteps(resize=(251, 300), interpolation=interpolation, antialias=False)
    whole = to_pixels(photograph(), steps)
    monkeypatch.setattr(pixels, "_BAND_PIXELS", 1700)
    assert np.array_equal(to_pixels(photograph(), steps), whole)


def test_nearest_takes_the_pixel_under_the_centre() -> None:
    for antialias in (True, False):
        steps = {"resize": (1, 2), "interpolation": "nearest", "antialias": antialias}
        assert row(gray([[1, 2, 3, 4, 5]]), **steps) == [2, 4]


def test_crop_is_central_and_rounds_to_even() -> None:
    picture = gray([[1, 2, 3, 4, 5, 6, 7]] * 3)
    for wanted, expected in [(4, [3, 4, 5, 6]), (2, [3, 4]), (3, [3, 4, 5])]:
        assert row(picture, crop=(1, wanted)) == expected


def test_crop_pads_a_smaller_picture_with_black() -> None:
    found = to_pixels(gray([[9], [9], [9], [9]]), PixelSteps(color="gray", crop=(2, 4)))
    assert found[:, :, 0].tolist() == [[0, 9, 0, 0]] * 2
