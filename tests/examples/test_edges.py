"""The edges example on a spec of two fixed kernels."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import archc
from archc.diagnostics.reporter import Failed, Reporter

FOLDER = Path(__file__).parents[2] / "examples" / "edges"
SPEC = """\
archc: 1
name: two_edges
input: {image: {shape: [1, H, W], where: {H: {min: 3}, W: {min: 3}}}}
layers:
  vertical: {conv: {values: [[1, 0, -1], [2, 0, -2], [1, 0, -1]], padding: 1}}
  horizontal:
    conv: {values: [[1, 2, 1], [0, 0, 0], [-1, -2, -1]], padding: 1}
    from: image
outputs: {vertical: vertical, horizontal: horizontal}
"""


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "edges.py"))


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    (tmp_path / "two_edges.yaml").write_text(SPEC, encoding="utf-8")
    archc.build(tmp_path / "two_edges.yaml", tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_the_picture_is_a_small_photograph() -> None:
    with Image.open(FOLDER / "picture.jpg") as picture:
        assert (picture.mode, picture.size) == ("RGB", (320, 214))
    assert (FOLDER / "picture.jpg").stat().st_size < 40_000


def test_edges_are_where_neighbours_differ(model_path: Path, example: dict[str, Any]) -> None:
    outputs = example["edges"](model_path, Reporter())
    assert not isinstance(outputs, Failed)
    gray = np.asarray(Image.open(FOLDER / "picture.jpg").convert("L")).astype(np.float64) / 255
    across = gray[:, :-2] - gray[:, 2:]
    expected = across[:-2] + 2 * across[1:-1] + across[2:]
    found = outputs["vertical"][0, 0]
    assert found.shape == gray.shape
    assert np.abs(found[1:-1, 1:-1] - expected).max() < 1e-5


def test_pictures_stretch_from_black_to_white(example: dict[str, Any]) -> None:
    output = np.array([[[[0.0, -2.0], [1.0, 0.5]]]], dtype=np.float32)
    assert np.asarray(example["to_picture"](output)).tolist() == [[0, 255], [128, 64]]
    assert np.asarray(example["to_picture"](output * 0)).tolist() == [[0, 0], [0, 0]]
