"""The example of eight bits: trained networks that keep their classes, by the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import archc
from archc.cli.main import main
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import open_model
from archc.runtime.preprocess import Preprocess
from tests.packages.building import Built
from tests.quantization.eight_bits import optimized

FOLDER = Path(__file__).parents[2] / "examples"
PICTURES = sorted((FOLDER / "digits" / "held_out").glob("*.png"))
NETWORKS = ("resnet18", "mobilenet_v2", "mobilenet_v3")


@pytest.mark.parametrize("network", NETWORKS)
def test_trained_networks_keep_their_classes(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = FOLDER / "quantize" / f"{network}_digits.yaml"
    weights = spec.with_suffix(".safetensors")
    given = tmp_path / "pictures"
    given.mkdir()
    for path in PICTURES[::3]:
        (given / path.name).write_bytes(path.read_bytes())
    exact, small = tmp_path / "exact.onnx", tmp_path / "small.onnx"
    archc.build(spec, exact, weights=weights)
    status = main([
        "build", str(spec), "--weights", str(weights), "-o", str(small), "--precision", "int8",
        "--calibrate", str(given), "--min-agreement", "0.9",
    ])  # fmt: skip
    assert status == 0
    assert "samples held back" in capsys.readouterr().out
    others = [path for at, path in enumerate(PICTURES) if at % 3]
    images = prepared(exact, others)
    found = [
        archc.session(path).run(None, {"image": images})[0].argmax(1) for path in (exact, small)
    ]
    labels = np.array([int(path.name[0]) for path in others])
    assert (found[0] == labels).mean() > 0.95
    assert (found[0] == found[1]).mean() > 0.97
    assert small.stat().st_size < 0.6 * exact.stat().st_size
    kinds = optimized(tmp_path, Built(small.read_bytes()))
    assert not kinds.keys() & {"Conv", "Gemm", "Add", "Mul", "HardSigmoid", "GlobalAveragePool"}


def prepared(model: Path, pictures: list[Path]) -> NDArray[np.float32]:
    """Pictures as inputs, by the steps that the model records."""
    reporter = Reporter()
    opened = open_model(model, reporter)
    assert not isinstance(opened, Failed)
    steps = opened.record.preprocess or Preprocess()
    tensors = [to_tensor(Image.open(p), steps, opened.inputs[0], reporter) for p in pictures]
    return np.stack([tensor for tensor in tensors if not isinstance(tensor, Failed)])
