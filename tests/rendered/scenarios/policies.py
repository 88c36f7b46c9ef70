"""Checkpoints that do not fit a network, and policies that do not make them fit."""

from __future__ import annotations

from pathlib import Path

from tests.packages.building import Shapes, draw_weights, write_checkpoint
from tests.rendered.scenarios import Scene, scenario

_NET = """\
archc: 1
name: net
input: {image: [3, 8, 8]}
layers:
  conv: {conv: 4, kernel: 3}
  pool: {global_avg_pool: {keep_dims: false}}
  fc: {dense: 5}
"""
_SHAPES: Shapes = {
    "conv.weight": (4, 3, 3, 3),
    "conv.bias": (4,),
    "fc.weight": (5, 4),
    "fc.bias": (5,),
}
_BUILD = ["build", "net.yaml", "--weights", "net.safetensors"]
_TWINS = """\
archc: 1
name: net
input: {image: [4, 8, 8]}
layers:
  left: {conv: 4, kernel: 1}
  right: {conv: 4, kernel: 1}
"""


def _write(folder: Path, shapes: Shapes, spec: str = _NET) -> None:
    (folder / "net.yaml").write_text(spec, encoding="utf-8")
    write_checkpoint(folder, draw_weights({**_SHAPES, **shapes} if spec == _NET else shapes))


@scenario("weights/mismatch")
def mismatch(folder: Path) -> Scene:
    shapes = {
        **_SHAPES,
        "fc.weight": (10, 4),
        "fc.bias": (10,),
        "conv1.weight": (4, 3, 3, 3),
        "aux.weight": (4, 3),
    }
    del shapes["conv.weight"]
    (folder / "net.yaml").write_text(_NET, encoding="utf-8")
    write_checkpoint(folder, draw_weights(shapes))
    return _BUILD


@scenario("weights/head")
def head(folder: Path) -> Scene:
    _write(folder, {"fc.weight": (2, 4), "fc.bias": (2,)})
    return [*_BUILD, "--head", "slice"]


@scenario("weights/stem")
def stem(folder: Path) -> Scene:
    _write(folder, {"conv.weight": (4, 1, 3, 3)})
    return [*_BUILD, "--stem", "sum"]


@scenario("weights/unused-policy")
def unused_policy(folder: Path) -> Scene:
    _write(folder, {})
    return [*_BUILD, "--head", "init"]


@scenario("weights/policy")
def policy(folder: Path) -> Scene:
    _write(folder, {})
    return [*_BUILD, "--by-order"]


@scenario("weights/policy-without-checkpoint")
def policy_without_checkpoint(folder: Path) -> Scene:
    _write(folder, {})
    return ["build", "net.yaml", "--head", "init"]


@scenario("weights/undecided")
def undecided(folder: Path) -> Scene:
    shapes = {f"{name}.{part}": size for name in ("ape", "owl")
              for part, size in (("weight", (4, 4, 1, 1)), ("bias", (4,)))}  # fmt: skip
    _write(folder, shapes, _TWINS)
    return [*_BUILD, "--match", "auto"]
