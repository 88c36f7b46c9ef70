from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime import answers
from archc.runtime.answers import read_answers
from tests.unit.runtime.reporting import only, rules

HEADER = "{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"


def npy_bytes(array: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_header(descr: str, shape: str) -> bytes:
    text = HEADER.format(descr=descr, shape=shape).encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name, data in members:
            archive.writestr(name, data)
    return path


def refusal(path: Path) -> Reporter:
    reporter = Reporter()
    assert read_answers(path, {"x"}, reporter) is FAILED
    return reporter


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "|u1", "<i8", "|b1"])
def test_arrays_are_read_as_they_were_written(
    tmp_path: Path, dtype: str, is_compressed: bool
) -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype))
    path = tmp_path / "a.npz"
    (np.savez_compressed if is_compressed else np.savez)(path, x=array, y=array + array)
    found = read_answers(path, {"x", "absent"}, Reporter())
    assert not isinstance(found, Failed)
    assert found.names == ("x", "y")
    assert list(found.arrays) == ["x"]
    assert found.arrays["x"].dtype.isnative
    assert found.arrays["x"].tolist() == array.tolist()


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    reporter = refusal(path)
    assert only(reporter).rule.slug == "verify/not-answers"
    assert "no array of numbers" in only(reporter).notes[0]


def test_texts_are_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array(["cat"]))
    assert rules(refusal(path)) == ["verify/not-answers"]


def test_an_array_that_nobody_wants_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones(2), names=np.array(["cat"], dtype=object))
    found = read_answers(path, {"x"}, Reporter())
    assert not isinstance(found, Failed)
    assert found.arrays["x"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"not an array",
        npy_bytes(np.ones(4))[:-1],
        npy_header("<f4", "(3,)") + bytes(11),
        npy_header("<f4", "(-3,)") + bytes(12),
        npy_header("<f4", "(1 << 40,)"),
        npy_header("nonsense", "(3,)"),
        b"\x93NUMPY\x09\x00" + bytes(20),
        npy_header("<f4", "(" + "1," * 9000 + ")"),
        npy_header("<c8", "(3,)") + bytes(24),
        npy_header("<f4", "(3,)")[:-1],
    ],
)
def test_malformed_members_are_reported(tmp_path: Path, member: bytes) -> None:
    assert rules(refusal(zipped(tmp_path / "a.npz", ("x.npy", member)))) == ["verify/not-answers"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello" * 10])
def test_other_files_are_no_answers(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    assert rules(refusal(path)) == ["verify/not-answers"]


def test_a_plain_npy_file_is_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.ones(3))
    assert "numpy.savez" in only(refusal(path)).helps[0]


def test_a_name_used_twice_is_reported(tmp_path: Path) -> None:
    data = npy_bytes(np.ones(1))
    path = zipped(tmp_path / "a.npz", ("x.npy", data), ("x.npy", data))
    assert "twice" in only(refusal(path)).notes[0]


def test_a_compression_that_numpy_does_not_use_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", npy_bytes(np.ones(3)))
    assert "compressed" in only(refusal(path)).notes[0]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (1, 2, 3, 4)])
def test_every_version_of_the_format_is_read(
    tmp_path: Path, version: tuple[int, int], shape: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version)
    path = zipped(tmp_path / "a.npz", ("x.npy", stream.getvalue()))
    found = read_answers(path, {"x"}, Reporter())
    assert not isinstance(found, Failed)
    assert found.arrays["x"].shape == shape
    assert found.arrays["x"].tolist() == array.tolist()


def test_a_declared_size_is_not_believed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.npz", ("x.npy", npy_header("<f4", "(1000000000000,)")))
    assert rules(refusal(path)) == ["verify/answers-too-large"]


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(10_000, dtype=np.float32))
    monkeypatch.setattr(answers, "MAX_ARRAY_BYTES", 39_999)
    assert rules(refusal(path)) == ["verify/answers-too-large"]


def test_every_flipped_byte_is_read_or_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.arange(5, dtype=np.float32))
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        reporter = Reporter()
        found = read_answers(path, {"x"}, reporter)
        assert isinstance(found, Failed) == bool(reporter.diagnostics)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    assert rules(refusal(tmp_path / "none.npz")) == ["run/no-such-file"]
