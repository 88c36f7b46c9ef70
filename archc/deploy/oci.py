"""OCI image layouts of model files, written without a container engine.

Sources: OCI image specification 1.1 (image-layout.md, manifest.md, image-index.md, config.md,
layer.md). The same files give the same bytes on every machine: entries are sorted, their times,
owners and modes fixed, and the layer's gzip holds stored blocks, because what deflate gives depends
on the version of zlib, and weights hardly shrink. Files are streamed.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias, cast, final

REF_NAME = "org.opencontainers.image.ref.name"
"""The annotation by which tools find an image in a layout."""

_MEDIA = "application/vnd.oci.image"
_INDEX = f"{_MEDIA}.index.v1+json"
_MANIFEST = f"{_MEDIA}.manifest.v1+json"
_CONFIG = f"{_MEDIA}.config.v1+json"
_LAYER = f"{_MEDIA}.layer.v1.tar+gzip"

_EPOCH = "1970-01-01T00:00:00Z"
_FILE_MODE, _PROGRAM_MODE, _FOLDER_MODE, _LINK_MODE = 0o644, 0o755, 0o755, 0o777
# RFC 1952: deflate, no name, no time, no hint on compression, an unknown system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED_BYTES = 0xFFFF

Architecture: TypeAlias = str
"""A processor as OCI names it: `amd64`, `arm64`."""

EVERY_ARCHITECTURE: Sequence[Architecture] = ("amd64", "arm64")
"""What an image without programs is offered for: nodes pull only what names their own."""


class Program(NamedTuple):
    """A file that may be run."""

    source: Path


class Link(NamedTuple):
    """A symbolic link, by the path that it leads to."""

    target: str


Content: TypeAlias = Path | Program | Link
"""What stands at a path of an image."""


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object:
        """Takes the next bytes."""


class _Blob(NamedTuple):
    media_type: str
    digest: str
    size: int

    def descriptor(self, **more: object) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **more}


@final
class _Measured:
    """Passes bytes on, and takes their digest and their number."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._sink.write(data)
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


@final
class _StoredGzip:
    """A gzip member of stored blocks (RFC 1951, 3.2.4): the same bytes from every zlib."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._waiting = bytearray()
        self._crc = 0
        self._length = 0
        sink.write(_GZIP_HEADER)

    def write(self, data: bytes, /) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._length += len(data)
        self._waiting += data
        # The last block is marked, so one byte at least waits until the end is known.
        full = max(len(self._waiting) - 1, 0) // _STORED_BYTES * _STORED_BYTES
        for start in range(0, full, _STORED_BYTES):
            self._block(self._waiting[start : start + _STORED_BYTES], is_last=False)
        del self._waiting[:full]
        return len(data)

    def finish(self) -> None:
        self._block(self._waiting, is_last=True)
        ends = (self._crc, self._length & 0xFFFFFFFF)
        self._sink.write(b"".join(end.to_bytes(4, "little") for end in ends))

    def _block(self, data: bytearray, *, is_last: bool) -> None:
        length = len(data)
        sizes = length.to_bytes(2, "little") + (length ^ _STORED_BYTES).to_bytes(2, "little")
        self._sink.write(bytes([is_last]) + sizes + data)


@dataclass(frozen=True, slots=True)
class _Layer:
    blob: _Blob
    diff_id: str


def write_image(
    content: Mapping[str, Content],
    folder: Path,
    *,
    annotations: Mapping[str, str],
    tag: str,
    architectures: Sequence[Architecture] = EVERY_ARCHITECTURE,
) -> str:
    """The digest of an image with these files, written as an OCI layout into a new folder.

    Args:
        content: what stands where; paths are relative to the image's root, with `/`.
        folder: the layout, made here.
        annotations: what the image says of itself.
        tag: the name by which tools find the image in the layout.
        architectures: the processors that it is for; they share its one layer.

    Raises:
        OSError: a file cannot be read or written.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer = _write_layer(content, blobs)
    has_programs = any(isinstance(entry, Program) for entry in content.values())
    manifests = [
        _write_manifest(layer, architecture, annotations, blobs, has_programs=has_programs)
        for architecture in architectures
    ]
    image = _write_json(
        {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [
                manifest.descriptor(platform={"architecture": architecture, "os": "linux"})
                for manifest, architecture in zip(manifests, architectures, strict=True)
            ],
            "annotations": dict(sorted(annotations.items())),
        },
        _INDEX,
        blobs,
    )
    entry = image.descriptor(annotations={REF_NAME: tag})
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}
    (folder / "index.json").write_bytes(_json(index))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    return image.digest


def _write_manifest(
    layer: _Layer,
    architecture: Architecture,
    annotations: Mapping[str, str],
    blobs: Path,
    *,
    has_programs: bool,
) -> _Blob:
    labels = dict(sorted(annotations.items()))
    config = {
        "created": _EPOCH,
        "architecture": architecture,
        "os": "linux",
        # No entry point: what a pod gives as arguments is then run as it is.
        "config": {"Labels": labels, **({"Env": ["PATH=/bin"]} if has_programs else {})},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created": _EPOCH, "created_by": "archc"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _write_json(config, _CONFIG, blobs).descriptor(),
        "layers": [layer.blob.descriptor()],
        "annotations": labels,
    }
    return _write_json(manifest, _MANIFEST, blobs)


def _write_layer(content: Mapping[str, Content], blobs: Path) -> _Layer:
    path = blobs / "layer.partial"
    with path.open("wb") as file:
        stored = _Measured(file)
        gzip = _StoredGzip(stored)
        unpacked = _Measured(gzip)
        _write_tar(content, unpacked)
        gzip.finish()
    path.rename(blobs / stored.digest.partition(":")[2])
    return _Layer(_Blob(_LAYER, stored.digest, stored.size), unpacked.digest)


def _write_tar(content: Mapping[str, Content], sink: _Measured) -> None:
    folders = {
        str(parent)
        for path in content
        for parent in PurePosixPath(path).parents
        if parent != PurePosixPath(".")
    }
    stream = cast("BinaryIO", sink)  # of which a tar stream is only ever written to
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted({*folders, *content}):
            entry = content.get(path)
            if entry is None:
                tar.addfile(_entry(path, tarfile.DIRTYPE, _FOLDER_MODE))
            elif isinstance(entry, Link):
                link = _entry(path, tarfile.SYMTYPE, _LINK_MODE)
                link.linkname = entry.target
                tar.addfile(link)
            elif isinstance(entry, Program):
                _add_file(tar, path, entry.source, _PROGRAM_MODE)
            else:
                _add_file(tar, path, entry, _FILE_MODE)


def _add_file(tar: tarfile.TarFile, path: str, source: Path, mode: int) -> None:
    with source.open("rb") as file:
        info = _entry(path, tarfile.REGTYPE, mode)
        info.size = _length(file)
        tar.addfile(info, file)


def _length(file: BinaryIO) -> int:
    length = file.seek(0, 2)
    file.seek(0)
    return length


def _entry(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode = kind, mode
    return info


def _write_json(value: object, media_type: str, blobs: Path) -> _Blob:
    data = _json(value)
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return _Blob(media_type, f"sha256:{digest}", len(data))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
