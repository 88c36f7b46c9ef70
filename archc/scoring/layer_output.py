"""A model opened with one more output: the values of any of its layers."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from archc.deploy.further_outputs import add_output
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.model import ModelDef
from archc.onnx_io.model_file import open_model_file
from archc.onnx_io.writer import write_model
from archc.runtime.model import Model, open_model
from archc.scoring.journal import not_writable
from archc.weights.checkpoint import file_place

ADDED_OUTPUT = "archc_score_features"
"""The name of the added output, which no spec would give."""


class LayerModel(NamedTuple):
    """An opened model, and the name of the output that gives a layer's values."""

    model: Model
    output: str


def open_with_layer(
    path: Path, layer: str, reporter: Reporter, *, threads: int = 1
) -> LayerModel | Failed:
    """The model in a file, loaded, giving the values of an output or layer of this name.

    Where the layer is no output, a copy of the model with one more is loaded and deleted again.

    Reports: deploy/unknown-layer, score/not-writable, and what `open_model_file`, `write_model`
        and `open_model` report.
    """
    file = open_model_file(path, reporter)
    if isinstance(file, Failed):
        return FAILED
    with file:
        if layer in {value.name for value in file.model.outputs}:
            opened = open_model(path, reporter, threads=threads)
            return FAILED if isinstance(opened, Failed) else LayerModel(opened, layer)
        further = add_output(file.model, ADDED_OUTPUT, layer, file_place(str(path)), reporter)
        if isinstance(further, Failed):
            return FAILED
        try:
            copied = _open_copy(further, reporter, threads)
        except OSError as error:
            return not_writable(Path(tempfile.gettempdir()), error, reporter)
    if isinstance(copied, Failed):
        return FAILED
    return LayerModel(replace(copied, path=path), ADDED_OUTPUT)


def _open_copy(model: ModelDef, reporter: Reporter, threads: int) -> Model | Failed:
    with tempfile.TemporaryDirectory(prefix="archc-") as folder:
        copy = Path(folder) / "model.onnx"
        written = write_model(model, copy, reporter=reporter, place=file_place(str(copy)))
        return (
            FAILED if isinstance(written, Failed) else open_model(copy, reporter, threads=threads)
        )
