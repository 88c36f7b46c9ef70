"""Finds the edges in a photograph by a network with nothing learned.

    python examples/edges/edges.py [FOLDER]

Builds the spec `edges`, runs it in ONNX Runtime on `picture.jpg`, and writes a gray PNG file for
each output to the folder (`build/edges` if left out): black where there is no edge, white at the
strongest one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import open_model
from archc.runtime.predict import predict
from archc.runtime.preprocess import Preprocess

PICTURE = Path(__file__).parent / "picture.jpg"


def main() -> int:
    """Writes the pictures; the exit status is 0 when all parts succeeded."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/edges")
    folder.mkdir(parents=True, exist_ok=True)
    archc.build("edges", folder / "edges.onnx")
    reporter = Reporter()
    outputs = edges(folder / "edges.onnx", reporter)
    if isinstance(outputs, Failed):
        for found in reporter.diagnostics:
            print(f"{found.span.file}: {found.message}")
        return 1
    for name, output in outputs.items():
        path = folder / f"{name}.png"
        to_picture(output).save(path)
        print(f"{path}: {output.shape[3]} × {output.shape[2]} pixels")
    return 0


def edges(path: Path, reporter: Reporter) -> dict[str, NDArray[np.generic]] | Failed:
    """The outputs (1, C, H, W) of the model for the picture."""
    model = open_model(path, reporter)
    if isinstance(model, Failed):
        return model
    target = model.inputs[0]
    steps = model.record.preprocess or Preprocess(color="gray" if target.shape[0] == 1 else "rgb")
    tensor = to_tensor(PICTURE, steps, target, reporter)
    if isinstance(tensor, Failed):
        return tensor
    return predict(model, {target.name: tensor[None]}, reporter)


def to_picture(output: NDArray[np.generic]) -> Image.Image:
    """The mean magnitude over the channels of an output (1, C, H, W), stretched to 0 to 255."""
    strength = np.abs(output[0].astype(np.float64)).mean(axis=0)
    return Image.fromarray(np.rint(strength * (255 / max(strength.max(), 1e-12))).astype(np.uint8))


if __name__ == "__main__":
    sys.exit(main())
