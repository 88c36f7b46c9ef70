"""Rules on a model of the backend for ONNX Runtime: the file against the configuration.

What they refuse is what the backend refuses when it makes an instance
(https://github.com/triton-inference-server/onnxruntime_backend, `ValidateInputs` and
`ValidateOutputs`): the sizes of an input may be narrower than the model's, those of an output must
be the model's own.
"""

from __future__ import annotations

import os
from pathlib import Path

from archc.deploy.triton.check_ports import BATCH_AXIS, check_ports
from archc.deploy.triton.examined import Examined
from archc.deploy.triton.releases import check_release
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.signature import Port, Signature, read_signature
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

UNREADABLE_MODEL = Rule(
    "triton/unreadable-model",
    "a model file is no ONNX model",
    "ONNX Runtime cannot load it, so Triton does not load the model.",
)
NO_WEIGHTS = Rule(
    "triton/no-weights",
    "a file of external weights is missing",
    "A model with external weights is two files; both belong into the version's folder.",
)
INCOMPLETE = Rule(
    "triton/incomplete",
    "a configuration leaves inputs or outputs out",
    "What is left out a server fills in or not, by how it was started: the same folder loads on "
    "one and not on the other, and takes batches of 4 where nobody chose a number.",
)


def check_onnx(model: Examined, reporter: Reporter) -> None:
    """Checks the ONNX files of a model's served versions.

    Reports: triton/unreadable-model, triton/no-weights, triton/model-too-new, triton/incomplete,
        triton/batch-axis, and what `check_ports` reports.
    """
    if model.config.has("cc_model_filenames"):
        return
    for folder in model.served.values():
        path = folder / model.model_file
        if os.path.isdir(path):  # a model in several files is a folder of its own
            path /= "model.onnx"
        if os.path.exists(path):
            _check_version(model, path, reporter)


def _check_version(model: Examined, path: Path, reporter: Reporter) -> None:
    place = file_place(str(path))
    try:
        signature = read_signature(path)
    except (OSError, ValueError) as error:
        message = f"`{shown(str(path))}` is no ONNX model"
        why = f"as protobuf: {error}"
        if isinstance(error, OSError):
            why = (error.strerror or str(error)).lower()
        notes = (shown(why),)
        helps = (f"write it again: `archc build SPEC --weights FILE -o {shown(str(path))}`",)
        reporter.error(UNREADABLE_MODEL, message, place, notes=notes, helps=helps)
        return
    opset = signature.opsets.get("", 1)
    check_release(opset, signature.ir_version, model.release, place, reporter)
    for file in signature.external_files:
        if not os.path.isfile(path.parent / file):
            message = f"`{shown(file)}`, which has weights of the model, is not beside it"
            helps = (f"copy it into `{shown(str(path.parent))}`",)
            reporter.error(NO_WEIGHTS, message, place, helps=helps)
    if model.max_batch_size >= 0 and not isinstance(_complete(model, signature, reporter), Failed):
        check_ports(model, signature, path, reporter)


def _complete(model: Examined, signature: Signature, reporter: Reporter) -> Failed | None:
    """Says what a server would fill in; fails where it cannot."""
    config = model.config
    missing = [kind for kind in ("input", "output") if not config.has(kind)]
    missing = [kind for kind in missing if kind == "output" or signature.inputs]
    if not missing:
        return None
    fixed = _without_batch(signature)
    if model.auto_complete and model.max_batch_size > 0 and fixed is not None:
        return reporter.error(
            BATCH_AXIS,
            f"`{shown(fixed.name)}` has no batch axis, and `max_batch_size` is not 0",
            model.place_of("max_batch_size"),
            helps=("write `max_batch_size: 0`",),
        )
    what = " and ".join(f"{kind}s" for kind in missing)
    helps = ("write all of `max_batch_size`, `input`, `output` and `dynamic_batching`",)
    if not model.auto_complete:
        fails = "every request fails" if missing == ["output"] else "the model does not load"
        message = f"no {what} are declared, and {fails} where a server does not fill them in"
        return reporter.error(INCOMPLETE, message, config.place, helps=helps)
    batch = f"`max_batch_size` {model.max_batch_size or 4}" if fixed is None else "no batches"
    reporter.warning(
        INCOMPLETE,
        f"no {what} are declared; Triton takes them from the model, with {batch}",
        config.place,
        notes=("a server with `--disable-auto-complete-config` does not load it",),
        helps=helps,
    )
    return None


def _without_batch(signature: Signature) -> Port | None:
    """The first input or output whose first axis is not open."""
    for port in (*signature.inputs, *signature.outputs):
        if port.dims is not None and (not port.dims or isinstance(port.dims[0], int)):
            return port
    return None
