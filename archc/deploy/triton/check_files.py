"""Rules on a model's folder: its name, its backend, its versions, its files and its labels."""

from __future__ import annotations

import math
import os
from pathlib import Path

from archc.deploy.triton.examined import MODEL_FILES, Examined, subfolders
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

NAME = Rule(
    "triton/name",
    "a model's name is not that of its folder",
    "Triton finds a model by its folder, and refuses one whose `name` says otherwise.",
)
BACKEND = Rule(
    "triton/backend",
    "a configuration names no backend that there is",
    "Without a backend that Triton has, nothing can run the model.",
)
NO_VERSIONS = Rule(
    "triton/no-versions",
    "a model has no version to serve",
    "Versions are folders whose names are numbers; Triton refuses a model without any.",
)
ODD_FOLDER = Rule(
    "triton/odd-folder",
    "a folder looks like a version and is none",
    "Triton passes over folders whose names are no plain numbers, and serves an older version.",
)
NO_MODEL_FILE = Rule(
    "triton/no-model-file",
    "a version has no model file",
    "Triton looks for one name in each version's folder and refuses the model without it.",
)
NO_LABELS = Rule(
    "triton/no-labels",
    "the file of an output's labels is missing",
    "Triton reads it when it loads the model, and refuses the model without it.",
)
LABEL_COUNT = Rule(
    "triton/label-count",
    "an output has another number of classes than its file has labels",
    "Triton does not count: classes without a label come without one, and where lines were lost "
    "every label behind them is wrong.",
)

_PLATFORMS = {"onnxruntime": "onnxruntime_onnx", "tensorrt": "tensorrt_plan"}
_MISNAMED = {
    "onnx": "onnxruntime", "onnxruntime_onnx": "onnxruntime", "ort": "onnxruntime",
    "onnx_runtime": "onnxruntime", "tensorrt_plan": "tensorrt", "trt": "tensorrt",
    "torch": "pytorch", "libtorch": "pytorch", "pytorch_libtorch": "pytorch",
}  # fmt: skip
_OTHER_FOLDERS = {"warmup", "initial_state", "configs"}


def check_files(model: Examined, reporter: Reporter) -> None:
    """Checks what lies in a model's folder.

    Reports: triton/name, triton/backend, triton/no-versions, triton/odd-folder,
        triton/no-model-file, triton/no-labels, triton/label-count.
    """
    _check_name(model, reporter)
    _check_backend(model, reporter)
    _check_versions(model, reporter)
    for output in model.config.groups("output"):
        if output.text("label_filename"):
            _check_labels(model, output, reporter)


def _check_name(model: Examined, reporter: Reporter) -> None:
    name = model.config.text("name")
    if name and name != model.name:
        reporter.error(
            NAME,
            f"the model is called `{shown(name)}`, and its folder `{shown(model.name)}`",
            model.place_of("name"),
            helps=(f'write `name: "{shown(model.name)}"`, or rename the folder',),
        )


def _check_backend(model: Examined, reporter: Reporter) -> None:
    backend, platform = model.config.text("backend"), model.config.text("platform")
    if not model.backend:
        what = f"Triton has no platform `{shown(platform)}`" if platform else ""
        message = what or "nothing says what runs the model"
        names = did_you_mean(_MISNAMED.get(platform, platform), MODEL_FILES)
        instead = " in its place" if platform else ""
        helps = (f'write `backend: "{_MISNAMED.get(platform, "onnxruntime")}"`{instead}',)
        reporter.error(BACKEND, message, model.place_of("platform"), helps=names or helps)
    elif backend in _MISNAMED:
        right = _MISNAMED[backend]
        message = f"`{backend}` is no backend of Triton's"
        helps = (f'write `backend: "{right}"`',)
        reporter.error(BACKEND, message, model.place_of("backend"), helps=helps)
    elif platform and platform != _PLATFORMS.get(backend, platform):
        message = f"`platform: {shown(platform)}` does not go with `backend: {shown(backend)}`"
        helps = ("leave out `platform`",)
        reporter.error(BACKEND, message, model.place_of("platform"), helps=helps)


def _check_versions(model: Examined, reporter: Reporter) -> None:
    for name in subfolders(model.folder):
        looks_so = name[:1].isdecimal() or (name[:1] in "vV" and name[1:].isdecimal())
        if looks_so and model.folder / name not in model.folders.values():
            message = f"the folder `{shown(name)}` is no version"
            number = name.lstrip("vV0")
            is_free = number.isdecimal() and int(number) not in model.folders
            help_ = f"rename it to `{number}`" if is_free else "name it by a number, such as `1`"
            place = file_place(str(model.folder / name))
            reporter.warning(ODD_FOLDER, message, place, helps=(help_,))
    if not model.folders:
        reporter.error(
            NO_VERSIONS,
            f"`{shown(model.name)}` has no version",
            file_place(str(model.folder)),
            helps=(f"put the model into `{shown(model.name)}/1`",),
        )
        return
    _check_policy(model, reporter)
    if not model.config.has("cc_model_filenames"):
        for folder in model.served.values():
            _check_model_file(model, folder, reporter)


def _check_policy(model: Examined, reporter: Reporter) -> None:
    policy = model.config.group("version_policy")
    specific = policy.group("specific") if policy else None
    wanted = specific.integers("versions") if specific else ()
    missing = [str(number) for number in wanted if number not in model.folders]
    there = f"there are {listed([str(number) for number in model.folders])}"
    place = model.place_of("version_policy")
    if not model.served:
        message = f"the version policy of `{shown(model.name)}` picks none of its versions"
        helps = ("write `version_policy { latest { num_versions: 1 } }`",)
        reporter.error(NO_VERSIONS, message, place, notes=(there,), helps=helps)
    elif missing:
        message = f"the version policy asks for {listed(missing)}, which there is not"
        reporter.warning(NO_VERSIONS, message, place, notes=(there,))


def _check_model_file(model: Examined, folder: Path, reporter: Reporter) -> None:
    if not model.model_file or os.path.exists(folder / model.model_file):
        return
    try:
        others = sorted(os.listdir(folder))
    except OSError:
        others = []
    beside = (f"the folder holds {listed(others)}",) if others else ("the folder is empty",)
    name = next((o for o in others if Path(o).suffix == Path(model.model_file).suffix), None)
    rename = f"name it `{model.model_file}`"
    named = f'rename `{name}`, or write `default_model_filename: "{name}"`' if name else rename
    reporter.error(
        NO_MODEL_FILE,
        f"version {folder.name} of `{shown(model.name)}` has no `{shown(model.model_file)}`",
        file_place(str(folder / model.model_file)),
        notes=beside,
        helps=(named,),
    )


def _check_labels(model: Examined, output: Group, reporter: Reporter) -> None:
    file = output.text("label_filename")
    path = model.folder / file
    place = output.place_of("label_filename")
    if not os.path.abspath(path).startswith(f"{os.path.abspath(model.folder)}{os.sep}"):
        message = f"the labels `{shown(file)}` lie outside of the model's folder"
        helps = ("put the file beside `config.pbtxt`",)
        reporter.error(NO_LABELS, message, place, helps=helps)
        return
    try:
        labels = path.read_bytes().removesuffix(b"\n").split(b"\n")
    except OSError:
        message = f"there is no file `{shown(file)}` in `{shown(model.name)}`"
        helps = ("write it, one label a line, or leave out `label_filename`",)
        reporter.error(NO_LABELS, message, place, helps=helps)
        return
    dims = output.integers("dims")
    classes = math.prod(dims)
    if not dims or min(dims) < 1 or len(labels) == classes:
        return
    name = shown(output.text("name"))
    reporter.warning(
        LABEL_COUNT,
        f"`{name}` has {classes} classes, and `{shown(file)}` has {len(labels)} labels",
        place,
        helps=("write one label a line, in the order of the classes",),
    )
