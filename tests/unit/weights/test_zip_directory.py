"""Archives that contradict themselves are refused: programs read them in different ways."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.unit.weights.reading import slug, values
from tests.unit.weights.torch_files import state_of, write_zip

NUMBERS = np.arange(24, dtype=np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.pt"


def test_compressed_archive_is_refused(path: Path) -> None:
    state, storages = state_of({"w": np.zeros(1000, np.float32)})
    write_zip(path, state, storages, compression=zipfile.ZIP_DEFLATED)
    assert slug(path) == "weights/compressed"


def test_encrypted_member_is_refused(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"net/data/0") - 46
    data[entry + 8] |= 1
    path.write_bytes(data)
    assert slug(path) == "weights/compressed"


def test_member_named_twice_is_refused(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages, more={"net/data/9": NUMBERS.tobytes()})
    path.write_bytes(path.read_bytes().replace(b"net/data/9", b"net/data/0"))
    assert slug(path) == "weights/duplicate-name"


def test_members_with_two_names_are_refused(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    # Only the name in front of the bytes, not the one in the directory.
    path.write_bytes(path.read_bytes().replace(b"net/data/0", b"net/data/1", 1))
    assert slug(path) == "weights/malformed-zip"


def test_members_that_share_bytes_are_refused(path: Path) -> None:
    state, storages = state_of({"v": NUMBERS, "w": NUMBERS})
    write_zip(path, state, storages)
    data = bytearray(path.read_bytes())
    first, second = (data.rindex(b"net/data/%d" % number) - 46 for number in (0, 1))
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    assert slug(path) == "weights/overlap"


@pytest.mark.parametrize("before", [b"", b"\x89PNG"])
def test_bytes_around_the_archive_are_refused(path: Path, before: bytes) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    path.write_bytes(before + path.read_bytes() + (b"" if before else b"more"))
    assert slug(path) in {"weights/malformed-zip", "weights/unknown-format"}


def large(data: bytes, members: int | None = None) -> bytes:
    """The archive with the records for large ones, its first member's sizes in eight bytes each."""
    at = data.rindex(b"PK\x05\x06")
    count, _, begin = struct.unpack("<H2L", data[at + 10 : at + 20])
    entry = bytearray(data[begin : begin + 46])
    name_size = entry[28]
    wide = struct.pack("<2HB2H2Q", 9, 1, 0, 1, 16, *struct.unpack("<2L", entry[20:28]))
    entry[20:28] = b"\xff" * 8
    entry[30] = len(wide)
    rest = data[begin + 46 : begin + 46 + name_size], wide, data[begin + 46 + name_size : at]
    directory = bytes(entry) + b"".join(rest)
    count = count if members is None else members
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count,
                         len(directory), begin)  # fmt: skip
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, begin + len(directory), 1)
    return data[:begin] + directory + record + locator + data[at:]


def test_archive_with_the_records_of_large_ones_is_read(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    path.write_bytes(large(path.read_bytes()))
    np.testing.assert_array_equal(values(path)["w"], NUMBERS)


def test_large_member_without_its_size_is_refused(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    data = large(path.read_bytes())
    path.write_bytes(data.replace(struct.pack("<2H", 1, 16), struct.pack("<2H", 2, 16)))
    assert slug(path) == "weights/malformed-zip"


def test_record_of_large_archives_elsewhere_is_refused(path: Path) -> None:
    write_zip(path, {})
    data = bytearray(large(path.read_bytes()))
    data[data.index(b"PK\x06\x07") + 8] ^= 1
    path.write_bytes(data)
    assert slug(path) == "weights/malformed-zip"


def test_too_many_members_are_refused_unread(path: Path) -> None:
    write_zip(path, {})
    path.write_bytes(large(path.read_bytes(), 200_001))
    assert slug(path) == "weights/too-many-entries"


@pytest.mark.parametrize(
    ("place", "what"),
    [
        pytest.param(8, b"\x09", id="count on this disk"),
        pytest.param(10, b"\x03", id="count"),
        pytest.param(8, b"\x03\0\x03\0", id="both counts, too small"),
        pytest.param(8, b"\x05\0\x05\0", id="both counts, too large"),
        pytest.param(12, b"\x01", id="directory's size"),
        pytest.param(16, b"\x01", id="directory's begin"),
        pytest.param(20, b"\x01", id="comment's size"),
    ],
)
def test_end_that_contradicts_the_archive_is_refused(path: Path, place: int, what: bytes) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x05\x06") + place
    data[at : at + len(what)] = what
    path.write_bytes(data)
    assert slug(path) == "weights/malformed-zip"


@pytest.mark.parametrize(
    ("place", "what"),
    [
        pytest.param(0, b"PK\0\0", id="signature"),
        pytest.param(28, b"\xff\xff", id="name's size"),
        pytest.param(42, b"\xf0\xf0\xf0", id="position"),
        pytest.param(42, b"\x01", id="position inside another"),
    ],
)
def test_damaged_entry_of_the_directory_is_refused(path: Path, place: int, what: bytes) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + place
    data[at : at + len(what)] = what
    path.write_bytes(data)
    assert slug(path) in {"weights/malformed-zip", "weights/overlap"}


def test_every_truncation_is_refused(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS[:3]})
    write_zip(path, state, storages)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert slug(path) in {"weights/truncated", "weights/unknown-format"}
