"""OCI layouts, read with the standard library; real tools do so in tests/servers/test_oci.py."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archc.deploy.oci import Content, Link, Program, write_image

ANNOTATIONS = {"archc.dev/model": "digits"}


def write(folder: Path, content: dict[str, Content], **changes: Any) -> str:
    return write_image(content, folder, **{"annotations": ANNOTATIONS, "tag": "v1", **changes})


def blob(folder: Path, digest: str) -> bytes:
    algorithm, _, value = digest.partition(":")
    return (folder / "blobs" / algorithm / value).read_bytes()


def parsed(folder: Path, digest: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(blob(folder, digest))
    return value


def manifests(folder: Path, digest: str) -> list[dict[str, Any]]:
    return [parsed(folder, entry["digest"]) for entry in parsed(folder, digest)["manifests"]]


def layer(folder: Path, digest: str) -> bytes:
    (first, *_) = manifests(folder, digest)
    return blob(folder, first["layers"][0]["digest"])


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def descriptors(value: object) -> Iterator[dict[str, Any]]:
    """Every descriptor in a document."""
    if isinstance(value, dict):
        if "digest" in value:
            yield value
        for part in value.values():
            yield from descriptors(part)
    elif isinstance(value, list):
        for part in value:
            yield from descriptors(part)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


def test_the_same_files_give_the_same_bytes(tmp_path: Path, model: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\n", encoding="utf-8")
    first = write(tmp_path / "a", {"models/m/1/model.onnx": model, "models/m/labels.txt": labels})
    os.utime(model, (1_000_000_000, 1_000_000_000))
    model.chmod(0o600)
    second = write(tmp_path / "b", {"models/m/labels.txt": labels, "models/m/1/model.onnx": model})
    assert first == second
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_the_bytes_are_those_of_every_machine(tmp_path: Path, model: Path) -> None:
    # A change here is a change of every image's digest: what others pinned is then no more.
    assert write(tmp_path / "a", {"models/1/model.onnx": model}) == DIGEST


def test_other_files_give_another_digest(tmp_path: Path, model: Path) -> None:
    first = write(tmp_path / "a", {"models/1/model.onnx": model})
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    assert write(tmp_path / "b", {"models/1/model.onnx": model}) != first


def test_every_descriptor_is_true_and_every_blob_described(tmp_path: Path, model: Path) -> None:
    write(tmp_path / "a", {"models/1/model.onnx": model, "bin/sh": Program(model)})
    index = json.loads((tmp_path / "a/index.json").read_bytes())
    waiting, seen = list(descriptors(index)), set()
    while waiting:
        entry = waiting.pop()
        content = blob(tmp_path / "a", entry["digest"])
        assert entry["size"] == len(content)
        assert entry["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        seen.add(entry["digest"].partition(":")[2])
        if entry["mediaType"].endswith("+json"):
            waiting += descriptors(json.loads(content))
    assert seen == {path.name for path in (tmp_path / "a/blobs/sha256").iterdir()}
    assert json.loads((tmp_path / "a/oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_the_image_is_for_both_processors_and_has_one_layer(tmp_path: Path, model: Path) -> None:
    digest = write(tmp_path / "a", {"models/1/model.onnx": model})
    platforms = [entry["platform"] for entry in parsed(tmp_path / "a", digest)["manifests"]]
    assert platforms == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux"},
    ]
    layers, configs = [], []
    for manifest in manifests(tmp_path / "a", digest):
        layers.append(manifest["layers"])
        configs.append(parsed(tmp_path / "a", manifest["config"]["digest"]))
        assert manifest["annotations"] == ANNOTATIONS
    assert layers[0] == layers[1]
    assert len(layers[0]) == 1
    unpacked = gzip.decompress(layer(tmp_path / "a", digest))
    assert [config["architecture"] for config in configs] == ["amd64", "arm64"]
    for config in configs:
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]
        # An entry point would swallow what a pod gives as its command.
        assert set(config["config"]) == {"Labels"}


def test_entries_are_sorted_and_carry_nothing_of_this_machine(tmp_path: Path, model: Path) -> None:
    content: dict[str, Content] = {
        "models/b/1/model.onnx": model,
        "models/a.txt": model,
        "bin/busybox": Program(model),
        "bin/sh": Link("busybox"),
    }
    digest = write(tmp_path / "a", content, architectures=("amd64",))
    with tarfile.open(fileobj=io.BytesIO(layer(tmp_path / "a", digest))) as tar:
        members = tar.getmembers()
        for name, entry in content.items():
            if isinstance(entry, Path):
                file = tar.extractfile(name)
                assert file is not None
                assert file.read() == entry.read_bytes()
    assert [(member.name, member.type, member.mode) for member in members] == [
        ("bin", tarfile.DIRTYPE, 0o755),
        ("bin/busybox", tarfile.REGTYPE, 0o755),
        ("bin/sh", tarfile.SYMTYPE, 0o777),
        ("models", tarfile.DIRTYPE, 0o755),
        ("models/a.txt", tarfile.REGTYPE, 0o644),
        ("models/b", tarfile.DIRTYPE, 0o755),
        ("models/b/1", tarfile.DIRTYPE, 0o755),
        ("models/b/1/model.onnx", tarfile.REGTYPE, 0o644),
    ]
    assert members[2].linkname == "busybox"
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    (manifest,) = manifests(tmp_path / "a", digest)
    config = parsed(tmp_path / "a", manifest["config"]["digest"])
    assert config["config"]["Env"] == ["PATH=/bin"]


def test_a_long_path_stays_whole(tmp_path: Path, model: Path) -> None:
    path = f"models/{'n' * 120}/1/{'m' * 120}.onnx"
    digest = write(tmp_path / "a", {path: model})
    with tarfile.open(fileobj=io.BytesIO(layer(tmp_path / "a", digest))) as tar:
        assert path in tar.getnames()


BLOCK = 0xFFFF


@given(st.integers(0, 3 * BLOCK))
@example(0)
@example(BLOCK - 1)
@example(BLOCK)
@example(BLOCK + 1)
@example(2 * BLOCK)
def test_files_of_every_length_come_back(length: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        source.write_bytes((b"%d," % length * (length + 1))[:length])
        digest = write(folder / "image", {"models/f": source})
        packed = layer(folder / "image", digest)
        # RFC 1952: no name, no time, an unknown system.
        assert packed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
            file = tar.extractfile("models/f")
            assert file is not None
            assert file.read() == source.read_bytes()


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    try:
        write(tmp_path / "a", {"models/large": source})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20


DIGEST = "sha256:d7cde1bea32f0d07d528123c53f49f9886c78ebc52c840d799fed2f1844c1a75"
