"""Packages for OpenVINO model server: a folder a version, and how the server is started.

The server takes ONNX files as they are, from `MODEL/VERSION/model.onnx`, serves the latest version
unless it is told otherwise, and passes the options of OpenVINO's devices on (model server,
docs/models_repository.md, docs/parameters.md, docs/model_version_policy.md). Processors that
have bfloat16 compute in it by default and are then off by some 1e-3, so float32 is asked for.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from archc.deploy.served import Layout, Served, ServingOptions
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter

NO_ENSEMBLE = Rule(
    "openvino/no-ensemble",
    "OpenVINO model server is asked to take encoded pictures",
    "Its own decoding resizes otherwise than Pillow does, and the answers would be others.",
)

_REPOSITORY = "models"
_PORTS = ("--port", "9000", "--rest_port", "8000")


def write(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """The model server's folder, its labels, and a README with the command that starts it.

    Reports: openvino/no-ensemble, and what writing the model reports.
    """
    layout = add_version(served, folder, options, reporter)
    if isinstance(layout, Failed):
        return FAILED
    (folder / "README.md").write_text(_readme(served, options), encoding="utf-8")
    return layout


def add_version(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """A further build in a folder that has one already.

    Reports: openvino/no-ensemble, and what writing the model reports.
    """
    return write_repository(served, folder, f"{_REPOSITORY}/{served.name}", options, reporter)


def write_repository(
    served: Served, folder: Path, model_folder: str, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """The model and its labels under `model_folder`, a path relative to the package.

    Reports: openvino/no-ensemble, and what writing the model reports.
    """
    if options.ensemble:
        return reporter.error(
            NO_ENSEMBLE,
            "OpenVINO model server is not given a model that takes encoded pictures",
            served.place,
            helps=("leave `--encoded` out, or write the package for Triton: `--target triton`",),
        )
    model = f"{model_folder}/{options.version}/model.onnx"
    path = folder / model
    path.parent.mkdir(parents=True)
    if isinstance(served.write_model(path, False), Failed):
        return FAILED
    labels = None
    if served.labels:
        labels = f"{model_folder}/labels.txt"
        (folder / labels).write_text("\n".join(served.labels) + "\n", encoding="utf-8")
    return Layout(model=model, repository=_REPOSITORY, labels=labels)


def device_options(options: ServingOptions) -> dict[str, str]:
    """The options of OpenVINO's device: the precision, and on a processor its threads."""
    precision = {"INFERENCE_PRECISION_HINT": "f32"}
    if options.device == "gpu":
        return precision
    threads = str(options.threads * options.instances)
    return {**precision, "NUM_STREAMS": str(options.instances), "INFERENCE_NUM_THREADS": threads}


def server_options(options: ServingOptions) -> list[str]:
    """The server's arguments that say how a model is served, apart from where it lies."""
    arguments = ["--plugin_config", json.dumps(device_options(options))]
    if options.device == "gpu":
        arguments += ["--target_device", "GPU"]
    if options.serve_all:
        arguments += ["--model_version_policy", json.dumps({"all": {}})]
    return arguments


def _readme(served: Served, options: ServingOptions) -> str:
    place = ["--model_name", served.name, "--model_path", f"{_REPOSITORY}/{served.name}"]
    command = shlex.join(["ovms", *place, *_PORTS, *server_options(options)])
    return f"""# {served.name}

`{_REPOSITORY}/` is for OpenVINO model server. Start it in this folder:

    {command}

It is ready when `http://127.0.0.1:8000/v2/models/{served.name}/ready` answers 200. The package's
golden samples hold only at float32: without the precision hint, some processors compute in
bfloat16. OpenVINO model server gives no labels; `labels.txt` names the classes where the network
has names for them.
"""
