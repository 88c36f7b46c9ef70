"""Packages for MLServer 1.7, for machines on which Triton does not run.

MLServer has no runtime for ONNX of its own, so the package brings one: a class that it finds beside
the model's settings. What the model takes and gives, and the names of its classes, stand in these
settings, where MLServer reads the metadata that it answers. The class merges requests itself:
MLServer's adaptive batching joins them unchecked, and one malformed request fails its neighbours.
"""

from __future__ import annotations

import json
import math
from importlib.resources import files
from pathlib import Path

from archc.deploy.manifest import TensorSpec
from archc.deploy.served import Layout, Served, ServingOptions
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter

NO_ENSEMBLE = Rule(
    "mlserver/no-ensemble",
    "MLServer is asked to take encoded pictures",
    "Its protocol has no model that feeds another; clients decode pictures themselves.",
)

MLSERVER_RELEASE = "1.7.1"
"""The MLServer that packages are written for and tested with."""

REQUIREMENTS = (f"mlserver=={MLSERVER_RELEASE}", "onnxruntime>=1.18", "uvloop<0.22")
"""What the server's environment needs; with a newer uvloop, MLServer's workers do not start."""

_REPOSITORY = "models"
_RUNTIME = "archc_onnx"
_DATATYPES = {"float32": "FP32", "float16": "FP16", "uint8": "UINT8", "int64": "INT64"}
_ITEM_BYTES = {"float32": 4, "float16": 2, "uint8": 1, "int64": 8}
_MIB = 1 << 20
_LEAST_MESSAGE_BYTES = 16 * _MIB
_UNKNOWN_MESSAGE_BYTES = 128 * _MIB


def write(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """The server's settings, the model, its settings and its runtime class, and a README.

    Reports: mlserver/no-ensemble, and what writing the model reports.
    """
    if options.ensemble:
        return reporter.error(
            NO_ENSEMBLE,
            "MLServer is not given a model that takes encoded pictures",
            served.place,
            helps=("leave `--encoded` out, or write the package for Triton: `--target triton`",),
        )
    home = f"{_REPOSITORY}/{served.name}"
    (folder / home).mkdir(parents=True)
    model = f"{home}/model.onnx"
    if isinstance(served.write_model(folder / model, False), Failed):
        return FAILED
    _write_json(folder / _REPOSITORY / "settings.json", _server_settings(served, options))
    _write_json(folder / home / "model-settings.json", _model_settings(served, options))
    runtime = (files(__name__) / f"{_RUNTIME}.py.txt").read_text(encoding="utf-8")
    (folder / home / f"{_RUNTIME}.py").write_text(runtime, encoding="utf-8")
    (folder / "requirements.txt").write_text("\n".join(REQUIREMENTS) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(served), encoding="utf-8")
    labels = None
    if served.labels:
        labels = f"{home}/labels.txt"
        (folder / labels).write_text("\n".join(served.labels) + "\n", encoding="utf-8")
    release = MLSERVER_RELEASE
    return Layout(model=model, repository=_REPOSITORY, labels=labels, release=release)


def _server_settings(served: Served, options: ServingOptions) -> dict[str, object]:
    # Ports are left to the environment (MLSERVER_HTTP_PORT, …), which a file would overrule.
    # Without workers, the model runs in the server's own process, its runs in threads.
    return {
        "host": "127.0.0.1",
        "debug": False,
        "parallel_workers": 0,
        "grpc_max_message_length": _message_bytes(served, options),
    }


def _message_bytes(served: Served, options: ServingOptions) -> int:
    """The longest gRPC message: twice the largest batch, for those who send no raw tensors."""
    if any(size < 0 for entry in served.inputs for size in entry.shape):
        return _UNKNOWN_MESSAGE_BYTES
    sample = sum(_ITEM_BYTES[entry.dtype] * math.prod(entry.shape) for entry in served.inputs)
    return max(_LEAST_MESSAGE_BYTES, 2 * sample * max(options.max_batch_size, 1))


def _model_settings(served: Served, options: ServingOptions) -> dict[str, object]:
    version = str(options.version)
    merged = options.max_batch_size if _can_merge(served) else 0
    return {
        "name": served.name,
        "platform": "onnx",
        "versions": [version],
        "implementation": f"{_RUNTIME}.OnnxModel",
        "inputs": [_tensor(entry, served) for entry in served.inputs],
        "outputs": [_tensor(entry, served) for entry in served.outputs],
        "parameters": {
            "uri": "./model.onnx",
            "version": version,
            "extra": {
                "threads": options.threads,
                "instances": options.instances,
                "device": options.device,
                "max_batch_size": merged,
                "max_batch_time": options.max_queue_delay_us / 1e6,
            },
        },
    }


def _can_merge(served: Served) -> bool:
    """Whether requests of several callers can become one batch: all samples have one size."""
    return served.has_batch and all(size > 0 for entry in served.inputs for size in entry.shape)


def _tensor(entry: TensorSpec, served: Served) -> dict[str, object]:
    tensor: dict[str, object] = {
        "name": entry.name,
        "datatype": _DATATYPES[entry.dtype],
        "shape": [*([-1] if served.has_batch else []), *entry.shape],
    }
    if entry.name in served.labelled:
        # As JSON text: gRPC's parameters are texts and numbers, never lists.
        labels = json.dumps(served.labels, ensure_ascii=False)
        tensor["parameters"] = {"labels": labels}
    return tensor


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _readme(served: Served) -> str:
    return f"""# {served.name}

`{_REPOSITORY}/` is for MLServer {MLSERVER_RELEASE}. In an environment of its own:

    pip install -r requirements.txt
    mlserver start {_REPOSITORY}

It is ready when `http://127.0.0.1:8080/v2/models/{served.name}/ready` answers 200; the server's own
`/v2/health/ready` answers before. `MLSERVER_HTTP_PORT`, `MLSERVER_GRPC_PORT` and
`MLSERVER_METRICS_PORT` choose other ports than 8080, 8081 and 8082. For other machines to reach it,
change `host` in `{_REPOSITORY}/settings.json`.

Clients should speak gRPC: MLServer takes tensors over HTTP as JSON only. The names of the classes
are JSON text under `parameters.labels` of an output in the model's metadata.
"""
