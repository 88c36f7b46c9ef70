"""Deploying: a spec, or a model that was built before, packed for a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.library import nowhere
from archc.pipeline.building import DEFAULT_OPSET, for_inference, open_lowered
from archc.pipeline.networks import Choices, elaborate_network
from archc.pipeline.reading import Spec, SpecName, load_spec

if TYPE_CHECKING:
    from archc.deploy.package import Package
    from archc.deploy.request import PackageRequest
    from archc.onnx_io.model import ModelDef
    from archc.onnx_io.writer import Progress

BUILT_ALREADY = Rule(
    "deploy/built-already",
    "a built model is given with options of a build",
    "Variants, settings and weights were decided when the model was built.",
)

_FIRST_BYTE_OF_A_MODEL = b"\x08"
"""The key of ModelProto's first field, `ir_version`; no text begins with it."""


def deploy_model(
    source: SpecName,
    request: PackageRequest,
    reporter: Reporter,
    *,
    choices: Choices,
    weights: Path | None = None,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
    progress: Progress | None = None,
) -> Package | Failed:
    """The package of a spec or of a built model; on a mistake the folder is as it was."""
    from archc.deploy.package import write_package

    place = nowhere(str(source))
    if is_model(Path(source)):
        with _open_built(Path(source), reporter, choices, weights) as model:
            if isinstance(model, Failed):
                return FAILED
            return write_package(model, request, place, reporter, progress=progress)
    spec = load_spec(source, reporter)
    if isinstance(spec, Failed):
        return FAILED
    if request.form == "image":
        choices = _at_final_size(spec, choices)
    opened = open_lowered(spec, reporter, choices=choices, weights=weights, seed=seed, opset=opset)
    with opened as lowered:
        if isinstance(lowered, Failed):
            return FAILED
        if request.features is not None:
            layer = _written_layer(spec, choices, request.features, lowered.model, reporter)
            if isinstance(layer, Failed):
                return FAILED
            request = replace(request, features=layer)
        values = lowered.model.layer_values
        wanted = [values[request.features]] if request.features in values else []
        model = for_inference(lowered.model, wanted).model
        return write_package(model, request, place, reporter, progress=progress)


def _written_layer(
    spec: Spec, choices: Choices, path: str, model: ModelDef, reporter: Reporter
) -> str | Failed:
    """The layer whose value a path means, a block's or a merge's included.

    A layer that does nothing at inference is not in the model: what enters it stands for it.
    """
    picked = elaborate_network(spec, replace(choices, outputs={"features": path}), reporter)
    if isinstance(picked, Failed):
        return FAILED
    graph = picked.graph
    value = graph.outputs[0].value
    while (node := graph.node_of(value)) is not None and node.name not in model.layer_values:
        if len(node.inputs) != 1 or node.input_types[0] != node.output:
            break
        value = node.inputs[0]
    return graph.name_of(value)


@contextmanager
def _open_built(
    path: Path, reporter: Reporter, choices: Choices, weights: Path | None
) -> Iterator[ModelDef | Failed]:
    from archc.onnx_io.model_file import open_model_file

    if choices != Choices() or weights is not None:
        yield reporter.error(
            BUILT_ALREADY,
            f"`{path}` is a built model, and takes no variant, setting, output or weights",
            nowhere(str(path)),
            helps=("deploy the spec with these options, or the model without them",),
        )
        return
    opened = open_model_file(path, reporter)
    if isinstance(opened, Failed):
        yield FAILED
        return
    with opened as file:
        yield file.model


def is_model(path: Path) -> bool:
    """Whether a file is an ONNX model, by its first byte."""
    try:
        with path.open("rb") as file:
            return file.read(1) == _FIRST_BYTE_OF_A_MODEL
    except OSError:
        return False


def _at_final_size(spec: Spec, choices: Choices) -> Choices:
    """The choices, with the size that every picture comes out at for symbols left open."""
    from archc.runtime.preprocess import final_size

    network = elaborate_network(spec, choices, Reporter())
    if isinstance(network, Failed) or network.preprocess is None:
        return choices
    graph, size = network.graph, final_size(network.preprocess)
    if size is None or len(graph.inputs) != 1 or len(graph.inputs[0].type.sizes) != 3:
        return choices
    open_sizes = {
        str(symbol): length
        for symbol, length in zip(graph.inputs[0].type.sizes[1:], size, strict=True)
        if str(symbol) in graph.domains
    }
    return replace(choices, settings={**open_sizes, **choices.settings})
