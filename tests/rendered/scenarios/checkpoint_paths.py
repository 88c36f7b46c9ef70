"""Checkpoints by where they lie and what they are: links, pipes, shards, files of other kinds."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.rendered.scenarios import Scene, scenario
from tests.unit.weights.reading import entry, write_safetensors

_INDEX = "model.safetensors.index.json"
_INSPECT_INDEX = ["weights", "inspect", _INDEX]


def _write_index(folder: Path, weight_map: object) -> None:
    (folder / _INDEX).write_text(json.dumps({"weight_map": weight_map}), encoding="utf-8")


@scenario("weights/unreadable")
def unreadable(folder: Path) -> Scene:
    (folder / "resnet18.pth").write_bytes(b"PK")
    return ["weights", "inspect", "resnet18.pht"]


@scenario("weights/not-a-file")
def not_a_file(folder: Path) -> Scene:
    os.mkfifo(folder / "resnet18.pth")
    return ["weights", "inspect", "resnet18.pth"]


@scenario("weights/unknown-format")
def unknown_format(folder: Path) -> Scene:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46830571\n"
    (folder / "resnet18.pth").write_text(pointer, encoding="utf-8")
    return ["weights", "inspect", "resnet18.pth"]


@scenario("weights/outside-folder")
def outside_folder(folder: Path) -> Scene:
    _write_index(folder, {"fc.bias": "../../.ssh/id_rsa"})
    return _INSPECT_INDEX


@scenario("weights/malformed-index")
def malformed_index(folder: Path) -> Scene:
    _write_index(folder, {"fc.weight": "model-1.safetensors", "fc.bias": 2})
    return _INSPECT_INDEX


@scenario("weights/shards-disagree")
def shards_disagree(folder: Path) -> Scene:
    _write_index(folder, {"fc.weight": "model-1.safetensors", "fc.bias": "model-1.safetensors"})
    header = {"fc.weight": entry("F32", [4], 0, 16)}
    write_safetensors(folder / "model-1.safetensors", header, bytes(16))
    return _INSPECT_INDEX
