"""Safetensors files that do not follow the format."""

from __future__ import annotations

from pathlib import Path

from tests.rendered.scenarios import Scene, scenario
from tests.unit.weights.reading import entry, write_safetensors

INSPECT = ["weights", "inspect", "resnet18.safetensors"]
_FILE = "resnet18.safetensors"


@scenario("weights/truncated")
def truncated(folder: Path) -> Scene:
    header = {"conv1.weight": entry("F32", [64, 3, 7, 7], 0, 37632)}
    write_safetensors(folder / _FILE, header, bytes(20000))
    return INSPECT


@scenario("weights/malformed-header")
def malformed_header(folder: Path) -> Scene:
    header = {"conv1.weight": entry("F32", [64, 3, 7, 7], 0, 37000)}
    write_safetensors(folder / _FILE, header, bytes(37000))
    return INSPECT


@scenario("weights/header-too-large")
def header_too_large(folder: Path) -> Scene:
    (folder / _FILE).write_bytes((200_000_000).to_bytes(8, "little") + b'{"conv1.weight": ')
    return INSPECT


@scenario("weights/gap")
def gap(folder: Path) -> Scene:
    header = {"fc.bias": entry("F32", [1000], 0, 4000)}
    write_safetensors(folder / _FILE, header, bytes(4000) + b"PK\x03\x04, a second file")
    return INSPECT


@scenario("weights/overlap")
def overlap(folder: Path) -> Scene:
    header = {
        "fc.bias": entry("F32", [1000], 0, 4000),
        "fc.scale": entry("F32", [1000], 2000, 6000),
    }
    write_safetensors(folder / _FILE, header, bytes(6000))
    return INSPECT


@scenario("weights/element-type")
def element_type(folder: Path) -> Scene:
    write_safetensors(folder / _FILE, {"fc.weight": entry("F8_E4M3", [4], 0, 4)}, bytes(4))
    return INSPECT


@scenario("weights/name-too-long")
def name_too_long(folder: Path) -> Scene:
    write_safetensors(folder / _FILE, {"layer." * 200: entry("F32", [1], 0, 4)}, bytes(4))
    return INSPECT
