"""Mapping files that do not hold for a network or a checkpoint."""

from __future__ import annotations

from pathlib import Path

from tests.packages.building import draw_weights, write_checkpoint
from tests.rendered.scenarios import Scene, scenario

_NET = """\
archc: 1
name: net
input: {x: [4]}
layers:
  fc: {dense: 3}
"""
_MAPPING = """\
version: 1
spec: net
layout: torch
map:
  fc.weight: head.weight
  fc.bias: head.bias
"""
_BUILD = ["build", "net.yaml", "--weights", "net.safetensors", "--mapping", "mapping.yaml"]


def _write(folder: Path, old: str, new: str) -> Scene:
    """The build of a network by the mapping, in which a text is another."""
    (folder / "net.yaml").write_text(_NET, encoding="utf-8")
    write_checkpoint(folder, draw_weights({"head.weight": (3, 4), "head.bias": (3,)}))
    assert old in _MAPPING
    (folder / "mapping.yaml").write_text(_MAPPING.replace(old, new), encoding="utf-8")
    return _BUILD


@scenario("mapping/form")
def form(folder: Path) -> Scene:
    return _write(folder, "layout: torch", "layout: pytorch")


@scenario("mapping/version")
def version(folder: Path) -> Scene:
    return _write(folder, "version: 1", "version: 2")


@scenario("mapping/other-spec")
def other_spec(folder: Path) -> Scene:
    return _write(folder, "spec: net", "spec: resnet18")


@scenario("mapping/other-file")
def other_file(folder: Path) -> Scene:
    return _write(folder, "map:", f"names: sha256:{'0123abcd' * 8}\nmap:")


@scenario("mapping/unknown-weight")
def unknown_weight(folder: Path) -> Scene:
    return _write(folder, "fc.bias:", "fc.biass:")


@scenario("mapping/unknown-key")
def unknown_key(folder: Path) -> Scene:
    return _write(folder, ": head.bias", ": heed.bias")


@scenario("mapping/used-twice")
def used_twice(folder: Path) -> Scene:
    return _write(folder, ": head.bias", ": head.weight")
