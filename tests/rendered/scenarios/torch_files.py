"""Checkpoints of PyTorch, in each of its three forms, that are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from tests.rendered.scenarios import Scene, scenario
from tests.unit.weights.tar_files import members_of, write_tar
from tests.unit.weights.torch_files import (
    Call,
    Global,
    Raw,
    Storage,
    legacy_storages,
    pickled,
    state_of,
    tensor,
    write_legacy,
    write_zip,
)

INSPECT = ["weights", "inspect", "resnet18.pth"]
_FILE = "resnet18.pth"
_BIAS = {"fc.bias": np.zeros(10, np.float32)}
_STORAGE = Storage("0", "FloatStorage", 10)
_DATA = {"0": bytes(40)}


@scenario("weights/refused-global")
def refused_global(folder: Path) -> Scene:
    write_zip(folder / _FILE, Call(Global("torchvision.models.resnet", "ResNet"), ()))
    return INSPECT


@scenario("weights/malformed-pickle")
def malformed_pickle(folder: Path) -> Scene:
    write_zip(folder / _FILE, Raw(b"K\x01K\x02s"))
    return INSPECT


@scenario("weights/too-large")
def too_large(folder: Path) -> Scene:
    write_zip(folder / _FILE, Raw(b"Nr\xff\xff\xff\x7f"))  # what it would take is 16 GB of memory
    return INSPECT


@scenario("weights/no-tensors")
def no_tensors(folder: Path) -> Scene:
    write_zip(folder / _FILE, tensor(_STORAGE, [10]), _DATA)
    return INSPECT


@scenario("weights/no-averaged-copy")
def no_averaged_copy(folder: Path) -> Scene:
    (folder / "net.yaml").write_text(
        "archc: 1\nname: net\ninput: {x: [3]}\nlayers:\n  fc: {dense: 10}\n", encoding="utf-8"
    )
    write_zip(folder / "last.pth", {"model": {"fc.bias": tensor(_STORAGE, [10])}}, _DATA)
    return ["build", "net.yaml", "--weights", "last.pth", "--ema"]


@scenario("weights/too-many-entries")
def too_many_entries(folder: Path) -> Scene:
    nested: object = tensor(_STORAGE, [10])
    for _ in range(20):
        nested = {"part": nested}
    write_zip(folder / _FILE, nested, _DATA)
    return INSPECT


@scenario("weights/duplicate-name")
def duplicate_name(folder: Path) -> Scene:
    twice = {"fc.bias": tensor(_STORAGE, [10]), "fc": {"bias": tensor(_STORAGE, [10])}}
    write_zip(folder / _FILE, twice, _DATA)
    return INSPECT


@scenario("weights/outside-storage")
def outside_storage(folder: Path) -> Scene:
    write_zip(folder / _FILE, {"fc.bias": tensor(_STORAGE, [10], offset=4)}, _DATA)
    return INSPECT


@scenario("weights/expanded")
def expanded(folder: Path) -> Scene:
    state = {"fc.weight": tensor(_STORAGE, [1 << 20, 1 << 20], [0, 0])}
    write_zip(folder / _FILE, state, _DATA)
    return INSPECT


@scenario("weights/storage-size")
def storage_size(folder: Path) -> Scene:
    write_zip(folder / _FILE, {"fc.bias": tensor(_STORAGE, [10])}, {"0": bytes(24)})
    return INSPECT


@scenario("weights/byte-order")
def byte_order(folder: Path) -> Scene:
    state, storages = state_of(_BIAS)
    write_zip(folder / _FILE, state, storages, more={"net/byteorder": b"big"}, has_byte_order=False)
    return INSPECT


@scenario("weights/compressed")
def compressed(folder: Path) -> Scene:
    state, storages = state_of(_BIAS)
    write_zip(folder / _FILE, state, storages, compression=zipfile.ZIP_DEFLATED)
    return INSPECT


@scenario("weights/torchscript")
def torchscript(folder: Path) -> Scene:
    state, storages = state_of(_BIAS)
    write_zip(folder / _FILE, state, storages, more={"net/constants.pkl": pickled(())})
    return INSPECT


@scenario("weights/unknown-zip")
def unknown_zip(folder: Path) -> Scene:
    with zipfile.ZipFile(folder / "release.zip", "w") as archive:
        archive.writestr("README.md", "weights of our network")
        archive.writestr("resnet18.pth", "…")
    return ["weights", "inspect", "release.zip"]


@scenario("weights/malformed-zip")
def malformed_zip(folder: Path) -> Scene:
    state, storages = state_of(_BIAS)
    path = write_zip(folder / _FILE, state, storages)
    path.write_bytes(b"PK\x03\x04 another file before the archive" + path.read_bytes())
    return INSPECT


@scenario("weights/malformed-stream")
def malformed_stream(folder: Path) -> Scene:
    state, _ = state_of(_BIAS, legacy=True)
    path = write_legacy(folder / _FILE, state, legacy_storages(_BIAS))
    path.write_bytes(path.read_bytes() + bytes(16))
    return INSPECT


@scenario("weights/malformed-tar")
def malformed_tar(folder: Path) -> Scene:
    path = write_tar(folder / _FILE, members_of(_BIAS))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"sys_info", b"SYS_INFO", 1))
    return INSPECT


@scenario("weights/unknown-tar")
def unknown_tar(folder: Path) -> Scene:
    write_tar(folder / "release.tar", {"resnet18.pth": b"the weights"})
    return ["weights", "inspect", "release.tar"]
