"""The form that a network is served in: from a built model to what a server loads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

from archc.deploy.further_outputs import add_output, add_probabilities
from archc.deploy.image_form import image_form
from archc.deploy.manifest import ServedDType, TensorSpec
from archc.deploy.request import PackageRequest
from archc.deploy.served import Served
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.model import ModelDef, ValueDef
from archc.onnx_io.writer import WriteResult
from archc.runtime.metadata import ModelRecord, parse_metadata
from archc.runtime.preprocess import final_size
from archc.weights.shown import shown

NAME = Rule(
    "deploy/name",
    "a model's name is none that servers take",
    "Servers make folders and addresses of it: letters, digits, `_`, `-` and dots.",
)
NO_PREPROCESS = Rule(
    "deploy/no-preprocess",
    "a network without preprocessing is to take pixels",
    "The pixels' scale, mean and standard deviation become part of the graph: they must be known.",
)
NO_PICTURE = Rule(
    "deploy/no-picture",
    "a network that takes no picture is to take pixels",
    "The image form has one input of height, width and channels.",
)

ELEMENTS = Rule(
    "deploy/elements",
    "an input or output has elements or axes that are not served",
    "Servers declare every tensor with an element type and a number of axes.",
)

LABEL_LINES = Rule(
    "deploy/label-lines",
    "a label has a line break",
    "Servers read labels from a file, one a line: a line break would shift all that follow.",
)

_LONGEST_NAME = 128
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{_LONGEST_NAME - 1}}}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


def serving_form(
    model: ModelDef, request: PackageRequest, place: Place, reporter: Reporter
) -> ModelDef | Failed:
    """The model that is served: with pixels as its input, and the outputs that were asked for.

    Reports: deploy/no-preprocess, deploy/no-picture, and what the transformations report.
    """
    result: ModelDef | Failed = model
    if request.form == "image":
        result = _image_form(model, place, reporter)
    if request.probabilities and isinstance(result, ModelDef):
        result = add_probabilities(result, model.outputs[0].name, place, reporter)
    if request.features is not None and isinstance(result, ModelDef):
        result = add_output(result, "features", request.features, place, reporter)
    return result


def _image_form(model: ModelDef, place: Place, reporter: Reporter) -> ModelDef | Failed:
    record = parse_metadata(model.metadata)
    entries = record.inputs
    if len(model.inputs) != 1 or (entries and not entries[0].is_image):
        names = ", ".join(f"`{shown(entry.name)}`" for entry in model.inputs)
        return reporter.error(
            NO_PICTURE,
            f"the network takes {names}, and the image form is one picture",
            place,
            helps=("deploy it as it is: `--form tensor`",),
        )
    if record.preprocess is None:
        return reporter.error(
            NO_PREPROCESS,
            "nothing says how a picture becomes the network's input",
            place,
            helps=("write `preprocess` into the spec, or deploy it as it is: `--form tensor`",),
        )
    size = final_size(record.preprocess)
    return image_form(model, record.preprocess, place, reporter, size=size)


def as_served(
    model: ModelDef,
    request: PackageRequest,
    write: Callable[[Path, bool], WriteResult | Failed],
    place: Place,
    reporter: Reporter,
) -> Served | Failed:
    """What targets pack, of the model in the form that it is served in.

    Reports: deploy/name, deploy/label-lines, deploy/elements.
    """
    record = parse_metadata(model.metadata)
    name = request.name or record.variant or record.spec or model.name
    if not _NAME.fullmatch(name):
        return reporter.error(
            NAME,
            f"`{shown(name)}` is no name for a model on a server",
            place,
            notes=(
                "names have letters, digits, `_`, `-` and dots, and begin with none of the last",
            ),
            helps=(f"give another: `--name {_near(name)}`",),
        )
    if broken := [label for label in record.labels if len(label.splitlines()) > 1]:
        message = f"the label `{shown(broken[0])}` has a line break"
        return reporter.error(LABEL_LINES, message, place, helps=("write it on one line",))
    inputs = _tensors(model.inputs, place, reporter)
    outputs = _tensors(model.outputs, place, reporter)
    if isinstance(inputs, Failed) or isinstance(outputs, Failed):
        return FAILED
    return Served(
        name=name,
        form=request.form,
        inputs=inputs,
        outputs=outputs,
        opset=model.opset,
        ir_version=model.ir_version,
        has_batch=all(_has_batch(value) for value in (*model.inputs, *model.outputs)),
        preprocess=record.preprocess,
        labels=record.labels,
        labelled=_labelled(outputs, record),
        probabilities=tuple(sorted(record.probabilities)),
        place=place,
        write_model=write,
    )


def _near(name: str) -> str:
    """A name that servers take, near to one that they do not."""
    return _NOT_IN_NAMES.sub("_", name).lstrip(".-")[:_LONGEST_NAME] or "model"


def _labelled(outputs: tuple[TensorSpec, ...], record: ModelRecord) -> tuple[str, ...]:
    count = len(record.labels)
    return tuple(
        output.name
        for output in outputs
        if count and output.shape[:1] == (count,) and set(output.shape[1:]) <= {1}
    )


def _has_batch(value: ValueDef) -> bool:
    return bool(value.dims) and isinstance(value.dims[0], str)


def _tensors(
    values: tuple[ValueDef, ...], place: Place, reporter: Reporter
) -> tuple[TensorSpec, ...] | Failed:
    tensors: list[TensorSpec] = []
    for value in values:
        if value.dtype.value not in get_args(ServedDType) or not value.is_ranked:
            what = f"{value.dtype.value} elements" if value.is_ranked else "no known number of axes"
            return reporter.error(
                ELEMENTS,
                f"`{shown(value.name)}` has {what}",
                place,
                notes=(f"served are {', '.join(get_args(ServedDType))}, of known axes",),
                helps=("export the model with one of these at its inputs and outputs",),
            )
        dims = value.dims[1:] if _has_batch(value) else value.dims
        sizes = tuple(size if isinstance(size, int) else -1 for size in dims)
        dtype = cast(ServedDType, value.dtype.value)
        tensors.append(TensorSpec(name=value.name, dtype=dtype, shape=sizes))
    return tuple(tensors)
