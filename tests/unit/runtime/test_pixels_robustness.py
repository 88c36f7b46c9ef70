"""Bytes that are no picture, or a hostile one: told apart from pictures, and never a crash."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typing_extensions import override

from archc.runtime.pixels import (
    MAX_PIXELS,
    BrokenPicture,
    PictureTooLarge,
    PixelSteps,
    UnknownFormat,
    UnknownRange,
    UnreadablePicture,
    decode,
    to_pixels,
)
from tests.unit.runtime.encoded_pictures import (
    PHOTOGRAPH,
    bombs,
    encoded,
    encodings,
    malformed_mpo,
    photograph,
    png_of_zeros,
)

SMALL = encodings(photograph().resize((40, 27)))
STARTS = (b"", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*", b"P3 2 2 9 ", b"\x89PNG\r\n\x1a\n")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"hello", b"\x00" * 999, b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"P5",
     b"RIFF\x00\x00\x00\x00WEBP", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7\n", EPS],
)  # fmt: skip
def test_what_is_no_picture_is_told(data: bytes) -> None:
    with pytest.raises(UnreadablePicture, match="the picture"):
        decode(data)


def test_no_program_is_started_for_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a program is started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(UnknownFormat):
        decode(EPS)


@pytest.mark.parametrize("name", bombs())
def test_bombs_are_refused_by_their_headers(name: str) -> None:
    with pytest.raises(PictureTooLarge, match=str(MAX_PIXELS)):
        decode(bombs()[name])


def test_the_bound_is_ours_where_pillow_only_warns() -> None:
    # Pillow warns above 89 million pixels and refuses above twice as many.
    with pytest.raises(PictureTooLarge, match="10001 × 10000"):
        decode(png_of_zeros(10001, 10000))
    with pytest.raises(BrokenPicture):
        decode(png_of_zeros(10000, 10000))


@pytest.mark.parametrize("steps", [PixelSteps(resize=300), PixelSteps(crop=20000)])
def test_no_step_makes_a_bomb_of_a_thin_picture(steps: PixelSteps) -> None:
    with pytest.raises(PictureTooLarge):
        to_pixels(Image.new("L", (5000, 1)), steps)


def test_numbers_of_32_bits_have_no_range() -> None:
    floats = Image.fromarray(np.ones((2, 2), dtype=np.float32))
    portable = b"Pf\n1 1\n-1.0\n" + struct.pack("<f", 0.5)
    for data in (encoded(floats, "TIFF"), portable):
        with pytest.raises(UnknownRange):
            decode(data)


def test_a_photograph_cut_anywhere_is_told() -> None:
    whole = PHOTOGRAPH.read_bytes()
    assert decode(whole).size == (320, 214)
    for length in range(0, len(whole) - 2, 997):
        with pytest.raises(UnreadablePicture):
            decode(whole[:length])


@given(
    name=st.sampled_from(sorted(SMALL)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=6),
    kept=st.floats(0.3, 1),
)
def test_damaged_pictures_are_pixels_or_told(
    name: str, changes: list[tuple[float, bytes]], kept: float
) -> None:
    data = bytearray(SMALL[name])
    for where, written in changes:
        # Half of the places lie in the header, where the damage does most.
        start = int(where * 200) if where < 0.5 else int((where - 0.5) * 2 * len(data))
        data[start : start + len(written)] = written
    try:
        found = to_pixels(decode(bytes(data[: int(kept * len(data))])), PixelSteps(resize=(9, 9)))
    except UnreadablePicture:
        return
    assert found.shape == (9, 9, 3)


@given(start=st.sampled_from(STARTS), noise=st.binary(max_size=300))
def test_noise_is_pixels_or_told(start: bytes, noise: bytes) -> None:
    with suppress(UnreadablePicture):
        assert decode(start + noise).mode in ("RGB", "L")


def test_what_pillow_copes_with_is_no_warning() -> None:
    with pytest.warns(UserWarning, match="malformed MPO"):
        Image.open(io.BytesIO(malformed_mpo()))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert decode(malformed_mpo()).size == (320, 214)
    assert not found


class Interrupted(io.BytesIO):
    """A file during whose reading another picture is decoded, as another thread would."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        decode(SMALL["gray.png"])
        return super().read(size)


def test_a_picture_that_is_done_does_not_let_the_warnings_of_another_out() -> None:
    assert decode(Interrupted(malformed_mpo())).size == (320, 214)


def test_threads_leave_the_filters_of_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    gate = threading.Barrier(8)
    failed: list[BaseException] = []

    def work() -> None:
        gate.wait()
        for data in [*SMALL.values(), b"junk"] * 3:
            try:
                decode(data)
            except UnknownFormat:
                continue
            except Exception as error:
                failed.append(error)

    run_together(work, 8)
    assert not failed
    assert warnings.filters == before


def run_together(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_error_keeps_what_the_decoder_said() -> None:
    with pytest.raises(
        BrokenPicture, match=r"^the picture cannot be decoded: .*truncated"
    ) as found:
        decode(PHOTOGRAPH.read_bytes()[:5000])
    assert isinstance(found.value.__cause__, OSError)
    assert pickle.loads(pickle.dumps(found.value)).args == found.value.args
