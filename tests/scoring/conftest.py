"""Models that score, and pictures of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import Model, open_model
from tests.cli.conftest import Ran, Run, _process_as_before, run

__all__ = ["Ran", "Run", "_process_as_before", "run"]

EXAMPLES = Path(__file__).parents[2] / "examples"
HELD_OUT = EXAMPLES / "digits" / "held_out"
PHOTO = EXAMPLES / "edges" / "picture.jpg"

# Pixels in, whatever their size: the sizes of the features follow the picture's.
PIXELS = """
archc: 1
name: pixels
input: {image: {shape: [3, H, W], layout: nhwc, dtype: uint8, where: {H: {min: 8}, W: {min: 8}}}}
preprocess: {color: rgb}
labels: [cat, dog, owl]
layers:
  scale: {normalize: {scale: 0.0039, mean: 0.5, std: 0.25}}
  conv: {conv: 4, kernel: 3}
  pool: {global_avg_pool: false}
  fc: {dense: 3}
outputs: {logits: fc}
"""

Table: TypeAlias = Callable[..., pa.Table]


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained network for digits, which takes floats."""
    path = tmp_path_factory.mktemp("digits") / "digits.onnx"
    weights = EXAMPLES / "digits" / "lenet5_digits.safetensors"
    archc.build(EXAMPLES / "digits" / "digits.yaml", path, weights=weights)
    return path


@pytest.fixture(scope="session")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for pictures of any size, which takes bytes, channels last."""
    folder = tmp_path_factory.mktemp("pixels")
    (folder / "pixels.yaml").write_text(PIXELS, encoding="utf-8")
    archc.build(folder / "pixels.yaml", folder / "pixels.onnx")
    return folder / "pixels.onnx"


@pytest.fixture
def table(run: Run, tmp_path: Path) -> Table:
    """Scores into a table, and reads it; the exit status must be 0."""

    def scored(*arguments: str | Path, name: str = "out.parquet") -> pa.Table:
        ran = run("score", *arguments, "-o", tmp_path / name)
        assert ran.status == 0, ran.err
        return pq.read_table(tmp_path / name)

    return scored


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tensor_of(model: Model, picture: Path) -> np.ndarray:
    """What a picture becomes for a model, without the batch axis."""
    assert model.record.preprocess is not None
    tensor = to_tensor(picture, model.record.preprocess, model.inputs[0], Reporter())
    assert not isinstance(tensor, Failed)
    return tensor


def opened(path: Path) -> Model:
    """A model from its file."""
    model = open_model(path, Reporter())
    assert not isinstance(model, Failed)
    return model


def save(path: Path, size: tuple[int, int] = (8, 8), color: Any = 40) -> Path:
    """A picture of one colour, in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(color, int) else "RGB", size, color).save(path)
    return path
