from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime import pixels
from archc.runtime.picture import read_picture, read_picture_bytes, to_eight_bits
from tests.unit.runtime.reporting import only, rules

RED, CLEAR_BLUE = (255, 0, 0, 255), (0, 0, 255, 0)


def read(path: Path) -> Image.Image:
    reporter = Reporter()
    found = read_picture(path, reporter)
    assert not reporter.diagnostics
    assert not isinstance(found, Failed)
    return found


def saved(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def test_transparency_is_left_out(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1))
    image.putdata([RED, CLEAR_BLUE])
    found = read(saved(image, tmp_path / "a.png"))
    assert found.mode == "RGB"
    assert np.asarray(found).tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_gray_with_transparency_is_gray(tmp_path: Path) -> None:
    image = Image.new("LA", (2, 1), (77, 0))
    found = read(saved(image, tmp_path / "a.png"))
    assert (found.mode, np.asarray(found).tolist()) == ("L", [[77, 77]])


def test_palette_with_transparency_is_looked_up(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    path = tmp_path / "a.png"
    image.save(path, transparency=bytes([0, 128]))
    expected = [[[10, 20, 30], [40, 50, 60]]]
    assert np.asarray(read(path)).tolist() == expected
    # One that the caller opened is not to warn either, and warnings are errors here.
    reporter = Reporter()
    with Image.open(path) as opened:
        found = to_eight_bits(opened, "picture", reporter)
    assert not isinstance(found, Failed)
    assert np.asarray(found).tolist() == expected


def test_two_colours_are_black_and_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[True, False]]))
    assert np.asarray(read(saved(image, tmp_path / "a.png"))).tolist() == [[255, 0]]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, name: str) -> None:
    image = Image.fromarray(np.array([[0, 257, 32768, 65535]], dtype=np.uint16))
    assert np.asarray(read(saved(image, tmp_path / name))).tolist() == [[0, 1, 128, 255]]


def test_print_colours_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(path, quality=100)
    found = read(path)
    assert found.mode == "RGB"
    assert np.asarray(found).min() >= 254


def test_orientation_is_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 2)).save(path, exif=exif)
    assert read(path).size == (4, 2)


def test_float_pixels_have_no_range(tmp_path: Path) -> None:
    path = saved(Image.fromarray(np.ones((2, 2), dtype=np.float32)), tmp_path / "a.tif")
    reporter = Reporter()
    assert read_picture(path, reporter) is FAILED
    assert rules(reporter) == ["run/pixel-range"]


def test_wide_integers_have_no_range() -> None:
    reporter = Reporter()
    image = Image.fromarray(np.array([[70000]], dtype=np.int32))
    assert to_eight_bits(image, "picture", reporter) is FAILED
    assert rules(reporter) == ["run/pixel-range"]


def test_missing_file_is_reported_at_its_name(tmp_path: Path) -> None:
    reporter = Reporter()
    assert read_picture(tmp_path / "none.png", reporter) is FAILED
    assert only(reporter).rule.slug == "run/no-such-file"
    assert only(reporter).span.file == str(tmp_path / "none.png")


def test_folder_is_no_file(tmp_path: Path) -> None:
    reporter = Reporter()
    assert read_picture(tmp_path, reporter) is FAILED
    assert "is a folder" in only(reporter).message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    reporter = Reporter()
    assert read_picture(tmp_path / "pipe.png", reporter) is FAILED
    assert "no regular file" in only(reporter).message


@pytest.mark.parametrize("content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x00" * 99])
def test_other_files_are_no_images(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    reporter = Reporter()
    assert read_picture(path, reporter) is FAILED
    assert rules(reporter) == ["run/not-an-image"]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.bmp", "a.tif", "a.webp", "a.ppm"])
def test_every_cut_of_a_picture_is_read_or_reported(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    whole = saved(Image.fromarray(noise), tmp_path / name).read_bytes()
    cut = tmp_path / f"cut-{name}"
    failed = 0
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        cut.write_bytes(whole[:length])
        reporter = Reporter()
        if isinstance(read_picture(cut, reporter), Failed):
            assert rules(reporter) == ["run/not-an-image"]
            failed += 1
    assert failed > 30


def test_large_pictures_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(Image.new("L", (40, 30)), tmp_path / "a.png")
    monkeypatch.setattr(pixels, "MAX_PIXELS", 1000)
    reporter = Reporter()
    assert read_picture(path, reporter) is FAILED
    assert only(reporter).rule.slug == "run/image-too-large"
    assert "40 × 30" in only(reporter).message


def test_a_bomb_by_pillows_own_measure_is_reported(tmp_path: Path) -> None:
    header = saved(Image.new("1", (8, 8)), tmp_path / "a.pbm").read_bytes()
    bomb = tmp_path / "bomb.pbm"
    bomb.write_bytes(header.replace(b"8 8", b"60000 60000"))
    reporter = Reporter()
    assert read_picture(bomb, reporter) is FAILED
    assert rules(reporter) == ["run/image-too-large"]


def test_bytes_are_read_as_a_file_is(tmp_path: Path) -> None:
    image = Image.effect_noise((9, 7), 50)
    data = saved(image, tmp_path / "a.png").read_bytes()
    reporter = Reporter()
    found = read_picture_bytes(data, "upload 3", reporter)
    assert not isinstance(found, Failed)
    assert np.array_equal(np.asarray(found), np.asarray(image))
    assert read_picture_bytes(data[:60], "upload 3", reporter) is FAILED
    assert only(reporter).rule.slug == "run/not-an-image"
    assert only(reporter).span.file == "upload 3"


def test_a_picture_of_no_pixels_is_reported() -> None:
    reporter = Reporter()
    assert to_eight_bits(Image.new("L", (0, 3)), "picture", reporter) is FAILED
    assert only(reporter).rule.slug == "run/not-an-image"
    assert only(reporter).notes == ("the decoder says: the picture has no pixels",)


def test_colours_that_have_no_way_to_rgb_are_reported() -> None:
    reporter = Reporter()
    assert to_eight_bits(Image.new("La", (2, 2)), "picture", reporter) is FAILED
    assert rules(reporter) == ["run/not-an-image"]
