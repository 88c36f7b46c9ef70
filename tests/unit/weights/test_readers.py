"""The kind of a file is told by its content, and only regular files are opened."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.unit.weights.reading import refused, slug

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>", "an HTML or XML page"),
        (b"\n <?xml version='1.0'?>", "an HTML or XML page"),
        (b'{"metadata": {"total_size": 5}}', "a JSON text"),
        (b"\x89HDF\r\n\x1a\n" + bytes(8), "an HDF5 file, as Keras writes"),
        (b"\x93NUMPY\x01\x00", "an array of numpy"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model"),
        (b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00}\x94.", "a pickle, but not one"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"\x1c\x00\x00\x00TFL3", "a model of TensorFlow Lite"),
        (b"hello", "begins with 68 65 6c 6c 6f, which is unknown"),
        (b"\x1b[2J", "begins with 1b 5b 32 4a"),
    ],
)
def test_other_file_is_named_by_its_content(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    found = refused(path)
    assert found.rule.slug == "weights/unknown-format"
    assert said in found.message
    assert found.helps


def test_oldest_form_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "storages").write_bytes(b"\x80\x02K\x00.")
    path = tmp_path / "resnet.pth"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        with tarfile.open(path, "w", format=form) as archive:
            archive.add(tmp_path / "storages", "storages")
        assert slug(path) == "weights/torch-tar"


def test_missing_file_is_reported(tmp_path: Path) -> None:
    found = refused(tmp_path / "none.pt")
    assert found.rule.slug == "weights/unreadable"
    assert "no such file" in found.message


def test_name_with_a_zero_byte_is_reported() -> None:
    assert slug("net\0.pt") == "weights/unreadable"


def test_folder_is_refused(tmp_path: Path) -> None:
    found = refused(tmp_path)
    assert found.rule.slug == "weights/not-a-file"
    assert "is a folder" in found.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert slug(tmp_path / "pipe") == "weights/not-a-file"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices in the file system")
def test_device_is_refused() -> None:
    assert slug("/dev/zero") == "weights/not-a-file"


def test_refused_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(b"hello")
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for _ in range(5):
        slug(path)
    after = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    assert after == before


def test_import_of_the_chooser_loads_no_reader_and_no_framework() -> None:
    code = "import sys, archc.weights.readers; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not {"numpy", "torch", "safetensors", "pickle", "zipfile"} & set(run.stdout.split())


def test_reading_loads_no_framework_and_no_unpickler(tmp_path: Path) -> None:
    from tests.unit.weights.torch_files import pickled, write_legacy, write_zip

    write_zip(tmp_path / "zip.pt", {"w": 1})
    write_legacy(tmp_path / "old.pt", pickled({"w": 1}))
    code = (
        "import sys; from archc.weights.readers import open_checkpoint;"
        "from archc.diagnostics.reporter import Reporter; r = Reporter();"
        "[open_checkpoint(p, r) for p in sys.argv[1:]];"
        "print(*(d.rule.slug for d in r.diagnostics), *sys.modules, sep='\\n')"
    )
    paths = [str(tmp_path / name) for name in ("zip.pt", "old.pt")]
    run = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True, cwd=ROOT
    )
    printed = run.stdout.split()
    assert printed[:2] == ["weights/no-tensors", "weights/no-tensors"]
    assert not {"torch", "safetensors"} & set(printed)
