"""Keras's own ONNX export beside archc's: `python -m benchmarks keras_export`.

`padding="same"` with a stride of 2 pads even and odd sizes differently, and Keras's export, made
of a network that takes any size, has one padding for all. Each file of the two is run at each
size; what is shown is the largest difference from what Keras itself gives, built at that size with
the same weights. A tiny network, and EfficientNetV2-B0 of the zoo; the export traces a picture of
1 × 1, so that networks with an unpadded convolution, such as Xception, end in an error there.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from numpy.typing import NDArray

import archc
from tests.zoo.keras.network import Network, networks
from tests.zoo.keras.reference import bare_model, reference_model

SIZES = ((64, 64), (65, 65), (96, 130), (97, 131), (224, 224), (225, 225))
ZOO = "efficientnetv2b0"

TINY = """
archc: 1
name: tiny
description: One convolution of stride 2, as Keras pads it.
input: {image: {shape: [3, H, W], where: {H: {default: 64}, W: {default: 64}}}}
layers:
  conv: {conv: 16, kernel: 3, stride: 2, padding: same}
  relu: relu
  pool: {global_avg_pool: {keep_dims: false}}
  dense: {dense: 10}
outputs: {output: dense}
weights: {layout: keras}
"""

Built: TypeAlias = Callable[[int, int], Any]
Images: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """The largest differences from Keras at a size, and its largest answer."""

    name: str
    size: tuple[int, int]
    largest: float
    exported: float
    built: float


def tiny(height: int, width: int) -> Any:
    """The tiny network for images of a height and width."""
    keras.utils.clear_session()
    return keras.Sequential([
        keras.Input((height, width, 3)),
        keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="conv"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(10, name="dense"),
    ])  # fmt: skip


def export(model: Any, path: Path) -> Path:
    """The file that Keras writes of a network of any size."""
    model.predict(np.zeros((1, 96, 96, 3), np.float32), verbose=0)  # or it says "never called"
    model.export(str(path), format="onnx", verbose=False)
    return path


def answer(path: Path, image: Images) -> Images:
    """The one output of a model's file."""
    session = archc.session(path)
    (taken,) = session.get_inputs()
    (given,) = session.run(None, {taken.name: image})
    return np.asarray(given, np.float32)


def measure(
    name: str, reference: Any, built_for: Built, *, spec: str, scale: float, folder: Path
) -> list[Row]:
    """A network at all sizes, from one file of Keras's export and one of archc."""
    weights, variables = folder / "model.weights.h5", reference.get_weights()
    reference.save_weights(weights)
    archc.build(spec, folder / "archc.onnx", weights=weights)
    of_any_size = keras.models.clone_model(reference, keras.Input((None, None, 3)))
    of_any_size.set_weights(variables)
    exported = export(of_any_size, folder / "keras.onnx")
    rows = []
    for height, width in SIZES:
        generator = np.random.default_rng(height)
        image = generator.uniform(0, scale, (1, height, width, 3)).astype(np.float32)
        model = built_for(height, width)
        model.set_weights(variables)
        wanted = model.predict(image, verbose=0)
        theirs = answer(exported, image)
        ours = answer(folder / "archc.onnx", np.ascontiguousarray(np.moveaxis(image, -1, 1)))
        rows.append(
            Row(
                name,
                (height, width),
                float(np.abs(wanted).max()),
                float(np.abs(theirs - wanted).max()),
                float(np.abs(ours - wanted).max()),
            )
        )
    return rows


def table(rows: list[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = [
        "| network, size | largest answer | Keras's export | archc |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r.name}, {r.size[0]} × {r.size[1]} | {r.largest:.3g} | {r.exported:.1g} "
        f"| {r.built:.1g} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=["tiny", ZOO])
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if options.only != ZOO:
            keras.utils.set_random_seed(0)
            spec = folder / "tiny.yaml"
            spec.write_text(TINY, encoding="utf-8")
            rows += measure("tiny", tiny(64, 64), tiny, spec=str(spec), scale=1, folder=folder)
        if options.only != "tiny":
            network = _network()

            def built_for(height: int, width: int) -> Any:
                return bare_model(network, (height, width))

            reference = reference_model(network, seed=0)
            rows += measure(ZOO, reference, built_for, spec=network.name, scale=255, folder=folder)
    print(table(rows))


def _network() -> Network:
    (found,) = (network for network in networks() if str(network) == ZOO)
    return found


if __name__ == "__main__":
    main()
