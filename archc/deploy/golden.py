"""Golden samples: pictures, the tensors they become, and what ONNX Runtime answers to them.

They travel with a package, so that any server can be asked what was known before it left. The
answers are an `.npz` file as `archc verify` takes it: the batch under the input's name, each
output under its own.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import Model
from archc.runtime.model_input import Admitted, ModelInput
from archc.runtime.predict import predict
from archc.runtime.preprocess import Preprocess
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

SAMPLE_SIZES = Rule(
    "deploy/sample-sizes",
    "golden pictures come out at different sizes",
    "Golden samples are one batch, and every picture of a batch has the same size.",
)

PICTURE_SIZES = ((240, 320), (320, 240))
"""The (height, width) of the pictures that are drawn where the caller gives none."""

Batch = Mapping[str, NDArray[np.generic]]


def draw_pictures(sizes: Sequence[tuple[int, int]]) -> list[bytes]:
    """PNG files of waves of colour, one a (height, width), the same at every call."""
    return [_png(_waves(height, width, seed)) for seed, (height, width) in enumerate(sizes, 1)]


def sample_size(entry: ModelInput) -> tuple[int, int]:
    """The (height, width) that an image input is tried at: its own, else defaults or minima."""
    height, width = (
        size if isinstance(size, int) else entry.where.get(size, Admitted()).sample
        for size in entry.shape[1:]
    )
    return height, width


def picture_batch(
    model: Model, pictures: Sequence[Path], steps: Preprocess, reporter: Reporter
) -> Batch | Failed:
    """The batch that pictures become, under the input's name.

    Reports: deploy/sample-sizes, and what `to_tensor` reports.
    """
    target = model.inputs[0]
    tensors: list[NDArray[np.generic]] = []
    for path in pictures:
        tensor = to_tensor(path, steps, target, reporter)
        if isinstance(tensor, Failed):
            return FAILED
        if tensors and tensor.shape != tensors[0].shape:
            first = shown(str(pictures[0]))
            return reporter.error(
                SAMPLE_SIZES,
                f"`{shown(str(path))}` comes out as {tensor.shape}, and `{first}` as "
                f"{tensors[0].shape}",
                file_place(str(path)),
                helps=("give one picture, or a `crop` in the spec's `preprocess`",),
            )
        tensors.append(tensor)
    return {target.name: np.stack(tensors)}


def drawn_batch(model: Model) -> Batch:
    """A batch of two of every input, drawn from a fixed seed: pixels, or normal numbers."""
    generator = np.random.default_rng(0)
    batch: dict[str, NDArray[np.generic]] = {}
    for entry in model.inputs:
        sizes = [
            size if isinstance(size, int) else entry.where.get(size, Admitted()).sample
            for size in entry.fed_shape
        ]
        if entry.dtype.is_float:
            batch[entry.name] = generator.standard_normal((2, *sizes)).astype(entry.dtype.value)
        else:
            batch[entry.name] = generator.integers(0, 256, (2, *sizes), dtype=np.uint8)
    return batch


def answer(model: Model, batch: Batch, reporter: Reporter, *, batched: bool) -> Batch | Failed:
    """The batch and the outputs, by their names; one sample at a time where there is no batching.

    Reports: run/failed.
    """
    if not batched:
        batch = {name: array[:1] for name, array in batch.items()}
    outputs = predict(model, batch, reporter)
    return FAILED if isinstance(outputs, Failed) else {**batch, **outputs}


def _waves(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    channels = [
        np.sin(2 * np.pi * (x * (seed + k) / width + y * k * seed / height) + k) for k in range(3)
    ]
    pixels: NDArray[np.uint8] = np.rint(127.5 + 127.5 * np.stack(channels, axis=-1)).astype(
        np.uint8
    )
    return pixels


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()
