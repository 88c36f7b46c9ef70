"""The kind of a file is told by its content, and only regular files are opened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from tests.unit.weights.reading import opened, refused, slug
from tests.unit.weights.tar_files import members_of, write_tar
from tests.unit.weights.torch_files import (
    legacy_storages,
    pickled,
    state_of,
    write_legacy,
    write_zip,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>", "an HTML or XML page"),
        (b"\n <?xml version='1.0'?>", "an HTML or XML page"),
        (b'{"metadata": {"total_size": 5}}', "a JSON text"),
        (b"\x93NUMPY\x01\x00", "an array of numpy"),
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


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".npz", ".onnx", ""])
def test_reader_is_chosen_by_content(tmp_path: Path, suffix: str) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {"w": np.ones(2, np.float32)}
    path = tmp_path / f"net{suffix}"
    found: list[str] = []

    def note() -> None:
        with opened(path) as checkpoint:
            found.append(checkpoint.format)
            assert list(checkpoint.tensors) == ["w"]

    save_file(arrays, path)
    note()
    write_zip(path, *state_of(arrays))
    note()
    write_legacy(path, state_of(arrays, legacy=True)[0], legacy_storages(arrays))
    note()
    write_tar(path, members_of(arrays))
    note()
    with path.open("wb") as file:
        np.savez(file, w=arrays["w"])
    note()
    assert found == ["safetensors", "torch zip", "torch legacy stream", "torch tar", "npz"]


def test_missing_file_is_reported(tmp_path: Path) -> None:
    found = refused(tmp_path / "none.pt")
    assert found.rule.slug == "weights/unreadable"
    assert "no such file" in found.message


def test_name_with_a_zero_byte_is_reported() -> None:
    assert slug("net\0.pt") == "weights/unreadable"


def test_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
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
    write_zip(tmp_path / "zip.pt", {"w": 1})
    write_legacy(tmp_path / "old.pt", pickled({"w": 1}))
    members = members_of({"w": np.ones(1, np.float32)}) | {"pickle": pickled({"w": 1})}
    write_tar(tmp_path / "tar.pt", members)
    code = (
        "import sys; from archc.weights.readers import open_checkpoint;"
        "from archc.diagnostics.reporter import Reporter; r = Reporter();"
        "[open_checkpoint(p, r) for p in sys.argv[1:]];"
        "print(*(d.rule.slug for d in r.diagnostics), *sys.modules, sep='\\n')"
    )
    paths = [str(tmp_path / name) for name in ("zip.pt", "old.pt", "tar.pt")]
    run = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True, cwd=ROOT
    )
    printed = run.stdout.split()
    assert printed[:3] == ["weights/no-tensors"] * 3
    assert not {"torch", "safetensors", "pickle", "tarfile"} & set(printed)
