"""Files of weights that cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.packages.building import Arrays, write_checkpoint
from tests.rendered.scenarios import Scene, scenario

_BIAS: Arrays = {"fc.bias": np.zeros(4, np.float32)}


@scenario("weights/output")
def output(folder: Path) -> Scene:
    write_checkpoint(folder, _BIAS)
    return ["weights", "convert", "net.safetensors", "missing/net.npz"]


@scenario("weights/output-form")
def output_form(folder: Path) -> Scene:
    write_checkpoint(folder, _BIAS)
    return ["weights", "convert", "net.safetensors", "net.pth"]


@scenario("weights/output-name")
def output_name(folder: Path) -> Scene:
    write_checkpoint(folder, {"../fc.bias": np.zeros(4, np.float32)})
    return ["weights", "convert", "net.safetensors", "net.npz"]


@scenario("weights/overflow")
def overflow(folder: Path) -> Scene:
    write_checkpoint(folder, {"fc.weight": np.array([1, 70_000], np.float32)})
    return ["weights", "convert", "net.safetensors", "half.safetensors", "--dtype", "float16"]


@scenario("weights/no-model")
def no_model(folder: Path) -> Scene:
    write_checkpoint(folder, _BIAS)
    return ["weights", "extract", "net.safetensors", "-o", "fc.npz"]
