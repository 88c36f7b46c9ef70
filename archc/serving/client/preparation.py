"""How pictures are prepared for a served model: by what is recorded, else by a usual way."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from archc.deploy.manifest import Manifest, read_manifest
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.metadata import ModelRecord
from archc.runtime.model import open_model
from archc.runtime.model_input import ModelInput
from archc.runtime.preprocess import Preprocess
from archc.shapes.tensor_type import DType
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

LABELS_FILE = Rule(
    "call/labels-file",
    "the file of a package's labels cannot be read",
    "The manifest names it; without it classes would have numbers for names.",
)

CENTRE = 0.875
"""The share of the shorter side that usual evaluation on ImageNet keeps: 224 of 256 pixels."""


def record_of(path: Path, reporter: Reporter) -> ModelRecord | Failed:
    """What a package's manifest, or a built model, says of pictures and classes.

    Reports: deploy/no-package, call/labels-file, run/no-such-file, run/not-a-model.
    """
    if path.is_dir():
        manifest = read_manifest(path, reporter)
        return manifest if isinstance(manifest, Failed) else _packaged(manifest, path, reporter)
    model = open_model(path, reporter)
    return model if isinstance(model, Failed) else model.record


def _packaged(manifest: Manifest, folder: Path, reporter: Reporter) -> ModelRecord | Failed:
    labels: tuple[str, ...] = ()
    if manifest.labels is not None:
        path = folder / manifest.labels
        try:
            labels = tuple(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))
        except (OSError, ValueError) as error:
            reporter.error(
                LABELS_FILE,
                f"`{shown(str(path))}` cannot be read",
                file_place(str(path)),
                notes=(shown(getattr(error, "strerror", None) or str(error)).lower(),),
                helps=("write the package anew with `archc deploy`",),
            )
            return FAILED
    return ModelRecord(
        preprocess=manifest.preprocess,
        labels=labels,
        probabilities=frozenset(manifest.probabilities),
    )


def fitted(preprocess: Preprocess, target: ModelInput) -> Preprocess:
    """The steps that are taken before an input: of one that takes bytes, not the normalisation."""
    if target.dtype is not DType.UINT8:
        return preprocess
    plain = Preprocess()
    return preprocess.model_copy(
        update={"scale": plain.scale, "mean": plain.mean, "std": plain.std}
    )


def usual(target: ModelInput) -> Preprocess:
    """The steps that are taken where nothing is recorded: resize, crop the centre, scale to 1."""
    channels, height, width = target.shape
    color: Literal["gray", "rgb"] = "gray" if channels == 1 else "rgb"
    if not isinstance(height, int) or not isinstance(width, int):
        return Preprocess(color=color)
    return Preprocess(resize=round(max(height, width) / CENTRE), crop=(height, width), color=color)
