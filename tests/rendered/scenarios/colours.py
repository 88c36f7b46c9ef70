"""A small network for scenarios of deploying, serving and scoring: the mean of each colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import archc
from archc.deploy.manifest import Manifest

SPEC = """archc: 1
name: colours
input: {image: [3, 32, 32]}
preprocess: {resize: [32, 32]}
labels: [red, green, blue]
layers:
  mean: {global_avg_pool: false}
outputs: {scores: mean}
"""

OPEN = "input: {image: {shape: [3, H, W], where: {H: {min: 8}, W: {min: 8}}}}"
"""An input for pictures of any size."""


def write_spec(folder: Path, *changes: tuple[str, str], name: str = "net.yaml") -> str:
    """The spec, with texts replaced, in a file; gives its name."""
    text = SPEC
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / name).write_text(text, encoding="utf-8")
    return name


def with_input(declared: str) -> tuple[str, str]:
    """Another declaration of the input."""
    return "input: {image: [3, 32, 32]}", declared


def put_package(folder: Path, target: str = "triton", *, name: str = "package") -> Manifest:
    """A package of the network in a folder; gives its manifest."""
    return archc.pack(folder / write_spec(folder), folder / name, target=target).manifest


def put_model(folder: Path, *changes: tuple[str, str], name: str = "net.onnx") -> str:
    """The network as a built model; gives its name."""
    spec = write_spec(folder, *changes, name="built.yaml")
    archc.build(folder / spec, folder / name)
    return name


def put_picture(folder: Path, name: str = "rose.png", size: tuple[int, int] = (40, 32)) -> str:
    """A red picture; gives its name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size[::-1], 3), (220, 30, 40), np.uint8)
    Image.fromarray(pixels).save(folder / name)
    return name
