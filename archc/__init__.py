"""archc: a compiler for convolutional network architectures.

A spec in YAML is type-checked and compiled to ONNX, with the weights of a checkpoint:

    import archc
    archc.validate("resnet50")
    archc.build("resnet50", "resnet50.onnx", weights="resnet50.safetensors")

Names are handed on lazily, so that importing archc costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from archc.version import __version__

if TYPE_CHECKING:
    from archc.api import (
        build,
        build_bytes,
        call,
        elaborate,
        load,
        pack,
        serve,
        session,
        validate,
    )
    from archc.deploy.package import Package
    from archc.deploy.served import ServingOptions
    from archc.diagnostics.diagnostic import Diagnostic, Severity
    from archc.diagnostics.errors import ArchcError, InternalError, SpecError
    from archc.graph.graph import Graph
    from archc.pipeline.building import BuildResult
    from archc.pipeline.networks import Validation
    from archc.pipeline.precision import Precision
    from archc.pipeline.reading import Spec
    from archc.weights.policies import WeightPolicies

_HOMES = {
    "ArchcError": "archc.diagnostics.errors",
    "BuildResult": "archc.pipeline.building",
    "Diagnostic": "archc.diagnostics.diagnostic",
    "Graph": "archc.graph.graph",
    "InternalError": "archc.diagnostics.errors",
    "Package": "archc.deploy.package",
    "Precision": "archc.pipeline.precision",
    "ServingOptions": "archc.deploy.served",
    "Severity": "archc.diagnostics.diagnostic",
    "Spec": "archc.pipeline.reading",
    "SpecError": "archc.diagnostics.errors",
    "Validation": "archc.pipeline.networks",
    "WeightPolicies": "archc.weights.policies",
    "build": "archc.api",
    "build_bytes": "archc.api",
    "call": "archc.api",
    "elaborate": "archc.api",
    "load": "archc.api",
    "pack": "archc.api",
    "serve": "archc.api",
    "session": "archc.api",
    "validate": "archc.api",
}

__all__ = [
    "ArchcError",
    "BuildResult",
    "Diagnostic",
    "Graph",
    "InternalError",
    "Package",
    "Precision",
    "ServingOptions",
    "Severity",
    "Spec",
    "SpecError",
    "Validation",
    "WeightPolicies",
    "__version__",
    "build",
    "build_bytes",
    "call",
    "elaborate",
    "load",
    "pack",
    "serve",
    "session",
    "validate",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'archc' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
