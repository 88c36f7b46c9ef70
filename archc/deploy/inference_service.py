"""KServe's InferenceService (serving.kserve.io/v1beta1), as text and for one model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from archc.deploy.served import ServingOptions

REPLICAS = (1, 4)
"""The fewest and the most copies of the server that the cluster runs."""

_MIB = 1 << 20
_SERVER_MIB = 1024
_STEP_MIB = 256
_COPIES = 3
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class InferenceService:
    """What a manifest says.

    Attributes:
        name: the service's name.
        runtime: the ClusterServingRuntime.
        runtime_version: the tag of its image; None leaves the cluster's own.
        storage_uri: where the model is fetched.
        arguments: what the server's command gets beside what the runtime says.
        annotations: what the service says of itself.
        resources: what a replica asks for and may take.
    """

    name: str
    runtime: str
    runtime_version: str | None
    storage_uri: str
    arguments: tuple[str, ...]
    annotations: Mapping[str, str]
    resources: Mapping[str, Mapping[str, str]]


def service_name(model: str) -> str:
    """The nearest name that Kubernetes takes: lower case, digits and `-`, a letter first.

    >>> service_name("mobilenet_v2"), service_name("3D.Net_")
    ('mobilenet-v2', 'm-3d-net')
    """
    name = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    name = name if name[:1].isalpha() else f"m-{name}".rstrip("-")
    return name[:_LONGEST_NAME].rstrip("-")


def resources(model_bytes: int, options: ServingOptions) -> dict[str, dict[str, str]]:
    """What a replica needs: a processor a thread, memory for the server and each copy's weights.

    Three times the file stands for a copy: the file while it is read, the weights, and those that
    the runtime lays out anew.
    """
    copies = _COPIES * options.instances * model_bytes / _MIB
    memory = -int(-(_SERVER_MIB + copies) // _STEP_MIB) * _STEP_MIB
    processors = options.threads * options.instances
    limits = {"cpu": str(processors + 1), "memory": f"{2 * memory}Mi"}
    if options.device == "gpu":
        limits["nvidia.com/gpu"] = "1"
    return {"requests": {"cpu": str(processors), "memory": f"{memory}Mi"}, "limits": limits}


def format_service(service: InferenceService) -> str:
    """The manifest's text, the same for the same values."""
    model: dict[str, object] = {
        "modelFormat": {"name": "onnx", "version": "1"},
        "runtime": service.runtime,
    }
    if service.runtime_version is not None:
        model["runtimeVersion"] = service.runtime_version
    # Without a protocol, KServe looks for a runtime that speaks v1, and finds none.
    model |= {"protocolVersion": "v2", "storageUri": service.storage_uri}
    if service.arguments:
        model["args"] = list(service.arguments)
    model["resources"] = {kind: dict(given) for kind, given in service.resources.items()}
    least, most = REPLICAS
    manifest = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": service.name, "annotations": dict(service.annotations)},
        "spec": {"predictor": {"minReplicas": least, "maxReplicas": most, "model": model}},
    }
    return str(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=10_000))
