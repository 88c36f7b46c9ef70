"""Extracting: the weights of an ONNX model as a file of their own, under the names they have there.

Of a model that archc built these are the spec's, so that the file builds the same model again.
"""

from __future__ import annotations

from pathlib import Path

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights import onnx_source
from archc.weights.checkpoint import file_place
from archc.weights.convert import Converted, Progress, convert
from archc.weights.readers import open_checkpoint

NO_MODEL = Rule(
    "weights/no-model",
    "weights are to be taken out of a file that is no ONNX model",
    "A checkpoint is nothing but weights; there is nothing to take them out of.",
)


def extract(
    model: Path, target: Path, reporter: Reporter, *, progress: Progress | None = None
) -> Converted | Failed:
    """The weights of a model written to a file, as they are; a failure leaves that as it was.

    Reports:
        weights/no-model, what the reader of models reports, and what `convert` reports.
    """
    opened = open_checkpoint(model, reporter)
    if isinstance(opened, Failed):
        return opened
    with opened:
        if opened.format != onnx_source.FORMAT:
            return reporter.error(
                NO_MODEL,
                f"the file is no ONNX model but a checkpoint ({opened.format})",
                file_place(str(model)),
                helps=(f"`archc weights convert {model} {target}` writes it in another form",),
            )
        written = convert(opened, target, reporter, progress=progress)
        if isinstance(written, Failed):
            return written
        notes = (*opened.notes, *written.notes)
        return Converted(written.path, written.tensors, written.bytes_written, notes)
