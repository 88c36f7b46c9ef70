"""The ensemble that takes encoded pictures: a step in Python that decodes them, then the network.

The step decodes and resizes with the file that `archc run` uses, `archc/runtime/pixels.py`, which
is copied beside it. It needs Pillow in the server's Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from archc.deploy.served import Served, ServingOptions
from archc.deploy.triton.examined import CONFIG, ENSEMBLE, PYTHON
from archc.deploy.triton.format_config import Written, entry, format_config
from archc.deploy.triton.served_config import (
    LATEST,
    Declared,
    declared,
    instances,
    most_samples,
    tensor,
)
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.signature import Signature
from archc.runtime.image_tensor import pixel_steps
from archc.runtime.preprocess import Preprocess, final_size

NO_ENSEMBLE = Rule(
    "triton/no-ensemble",
    "a network is to take encoded pictures, and does not take pixels of one size",
    "Pictures of all sizes share a batch only when they come out at one size, as pixels.",
)

PICTURE = "picture"
PIXELS = "pixels"
STEPS = "steps.json"
SHARED = "archc_pixels.py"

_PROGRAMS = {
    "model.py": ("archc.deploy.triton", "python_model/triton_preprocess.py"),
    SHARED: ("archc.runtime", "pixels.py"),
}
"""The step's programs, and where archc has them."""


def ensemble_name(name: str) -> str:
    """The name of the model that takes encoded pictures."""
    return f"{name}_pictures"


def step_name(name: str) -> str:
    """The name of the model that decodes them."""
    return f"{name}_preprocess"


def check_ensemble_form(served: Served, place: Place, reporter: Reporter) -> Failed | None:
    """None where encoded pictures can be taken.

    Reports: triton/no-ensemble.
    """
    if served.form != "image" or len(served.inputs) != 1:
        message = "the network takes numbers, and encoded pictures become pixels"
        helps = ("deploy it in the form that takes pixels: `--form image`",)
        return reporter.error(NO_ENSEMBLE, message, place, helps=helps)
    size = None if served.preprocess is None else final_size(served.preprocess)
    if size is None:
        message = "the preprocessing leaves pictures at their own sizes"
        helps = ("write `crop: SIDE` or `resize: [HEIGHT, WIDTH]` into the spec's `preprocess`",)
        return reporter.error(NO_ENSEMBLE, message, place, helps=helps)
    return None


_EMPTY_VERSION = "An ensemble has no file of its own; its version is this folder.\n"


def write_ensemble(
    served: Served,
    preprocess: Preprocess,
    signature: Signature,
    repository: Path,
    options: ServingOptions,
) -> None:
    """Writes the step and the ensemble beside the network's own model.

    Raises:
        OSError: a file cannot be written.
    """
    most = most_samples(served, options)
    network = declared(signature.inputs[0], is_batched=most > 0)
    pixels = network._replace(name=PIXELS, dims=_final(network.dims, preprocess))
    batch = (1,) if most > 0 else network.dims[:1]
    picture = Declared(PICTURE, "TYPE_STRING", batch)
    step = repository / step_name(served.name)
    _write(step, _step_config(step.name, picture, pixels, most, options))
    for name, (package, path) in _PROGRAMS.items():
        content = resources.files(package).joinpath(path).read_bytes()
        (step / "1" / name).write_bytes(content)
    steps = json.dumps(pixel_steps(preprocess)._asdict(), indent=2)
    (step / "1" / STEPS).write_text(f"{steps}\n", encoding="utf-8")
    ensemble = repository / ensemble_name(served.name)
    # Archives and object storage have no empty folders, and Triton wants a folder a version.
    (ensemble / "1").mkdir(parents=True)
    (ensemble / "1" / "README").write_text(_EMPTY_VERSION, encoding="utf-8")
    outputs = [declared(port, is_batched=most > 0) for port in signature.outputs]
    _write(ensemble, _ensemble_config(served.name, picture, network.name, outputs, most))


def _final(dims: tuple[int, ...], preprocess: Preprocess) -> tuple[int, ...]:
    """The sizes of pixels: an open height and width are those of every picture."""
    size = final_size(preprocess) or (-1, -1)
    own = dims[-3:-1]
    return (*dims[:-3], *(b if a == -1 else a for a, b in zip(own, size, strict=True)), dims[-1])


def _write(folder: Path, config: Mapping[str, Written]) -> None:
    (folder / "1").mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(format_config(config), encoding="utf-8")


def _step_config(
    name: str, picture: Declared, pixels: Declared, most: int, options: ServingOptions
) -> Mapping[str, Written]:
    config: dict[str, Written] = {
        "name": name,
        "backend": PYTHON,
        "max_batch_size": most,
        "input": [tensor(picture)],
        "output": [tensor(pixels)],
        "version_policy": LATEST,
        "instance_group": [instances(options, "CPU")],
    }
    if most > 0:
        config["dynamic_batching"] = {}
    return config


def _ensemble_config(
    name: str, picture: Declared, network_input: str, outputs: list[Declared], most: int
) -> Mapping[str, Written]:
    decode: Mapping[str, Written] = {
        "model_name": step_name(name),
        "model_version": -1,
        "input_map": [entry(PICTURE, PICTURE)],
        "output_map": [entry(PIXELS, PIXELS)],
    }
    classify: Mapping[str, Written] = {
        "model_name": name,
        "model_version": -1,
        "input_map": [entry(network_input, PIXELS)],
        "output_map": [entry(one.name, one.name) for one in outputs],
    }
    return {
        "name": ensemble_name(name),
        "platform": ENSEMBLE,
        "max_batch_size": most,
        "input": [tensor(picture)],
        "output": [tensor(one) for one in outputs],
        "version_policy": LATEST,
        "ensemble_scheduling": {"step": [decode, classify]},
    }
