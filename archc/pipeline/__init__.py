"""The stages in order. Read this package first.

    spec.yaml ─ parse ─► Tree ─ read ─► SpecFile ─ elaborate ─► Graph ─ bind ─► BoundGraph
              ─ lower ─► ModelDef ─ rewrite ─► ModelDef ─ write ─► model.onnx

`reading` goes from a name to a spec, `networks` from there to a typed graph, `building` to a
model, `deploying` to a package for a server. Every mistake on the way is a diagnostic in the
reporter, and nothing is written then. `archc.api` wraps these functions for Python programs and
raises `SpecError` instead.
"""

from archc.pipeline.building import (
    DEFAULT_OPSET,
    FOR_INFERENCE,
    BuildResult,
    build_model,
    check_form,
    open_lowered,
)
from archc.pipeline.deploying import deploy_model
from archc.pipeline.networks import (
    Choices,
    Network,
    Validation,
    elaborate_network,
    validate_spec,
)
from archc.pipeline.reading import Spec, SpecName, load_spec, read_spec

__all__ = [
    "DEFAULT_OPSET",
    "FOR_INFERENCE",
    "BuildResult",
    "Choices",
    "Network",
    "Spec",
    "SpecName",
    "Validation",
    "build_model",
    "check_form",
    "deploy_model",
    "elaborate_network",
    "load_spec",
    "open_lowered",
    "read_spec",
    "validate_spec",
]
