"""Further outputs of a network: the probabilities of its scores, and what a layer gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from archc.deploy.free_name import with_free_name
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.check import value_types
from archc.onnx_io.element_types import value_type
from archc.onnx_io.encode import encode_structure
from archc.onnx_io.model import ELEMENT_TYPES, ModelDef, NodeDef, ValueDef
from archc.onnx_io.wire import text
from archc.rewrites.operators import layers_in
from archc.runtime.metadata import ModelRecord, format_metadata, parse_metadata
from archc.shapes.tensor_type import DType
from archc.weights.shown import SHOWN_NAMES, listed, shown

PROBABILITIES = "probabilities"
"""The name of the output that holds the softmax of the scores."""

NO_SCORES = Rule(
    "deploy/no-scores",
    "probabilities are asked of an output that holds no scores",
    "The softmax runs over the second axis of floating-point numbers.",
)
UNKNOWN_LAYER = Rule(
    "deploy/unknown-layer",
    "an output is asked of a layer that the network does not have",
    "Layers have the names that the spec gives them, with dots between blocks and what is in them.",
)

_SOFTMAX_OF_ONE_AXIS_OPSET = 13
"""Before this version Softmax runs over all axes behind the one that is named."""

_CHANGES_NO_SHARES = ("Identity", "Cast", "Flatten", "Reshape", "Squeeze")


def add_probabilities(
    model: ModelDef, output: str, place: Place, reporter: Reporter
) -> ModelDef | Failed:
    """The model with the softmax of an output as a further output, `probabilities`.

    Where the output is a softmax already no output is added: the model is recorded to end in
    probabilities, or is the very one that was given.

    Reports: deploy/no-scores, deploy/name-taken.
    """
    scores = next(value for value in model.outputs if value.name == output)
    record = parse_metadata(model.metadata)
    if output in record.probabilities:
        return model
    if _is_softmax(model, output):
        return _recorded(model, record, output)
    if (failed := _check_scores(model, scores, place, reporter)) is not None:
        return failed
    free = with_free_name(model, PROBABILITIES, place, reporter)
    if isinstance(free, Failed):
        return free
    nodes: list[NodeDef] = []
    value = output
    if scores.dtype is not DType.FLOAT32:
        value = f"{PROBABILITIES}/Cast"
        to = ELEMENT_TYPES[DType.FLOAT32]
        nodes.append(NodeDef("Cast", value, (output,), (value,), {"to": to}))
    softmax = f"{PROBABILITIES}/Softmax"
    nodes.append(NodeDef("Softmax", softmax, (value,), (PROBABILITIES,), {"axis": 1}))
    outputs = (
        *free.outputs,
        replace(scores, name=PROBABILITIES, dtype=DType.FLOAT32, encoded=None),
    )
    model = replace(free, nodes=(*free.nodes, *nodes), outputs=outputs)
    return _recorded(model, record, PROBABILITIES)


def add_output(
    model: ModelDef, name: str, layer: str, place: Place, reporter: Reporter
) -> ModelDef | Failed:
    """The model with what a layer gives as a further output.

    Args:
        model: the model.
        name: the name of the output.
        layer: the path of a layer or, in a model of archc's, of a block, or the name of a value or
            of a node in the file.
        place: where a mistake is shown.
        reporter: told of an unknown layer.

    Reports: deploy/unknown-layer, deploy/name-taken.
    """
    value = _value_of(model, layer)
    if value is None:
        return reporter.error(
            UNKNOWN_LAYER,
            f"the network has no layer `{shown(layer)}`",
            place,
            notes=_folded(model, layer),
            helps=_unfolded(model, layer)
            or did_you_mean(layer, model.layer_values)
            or _last_layers(model),
        )
    if value == name:
        copies: tuple[NodeDef, ...] = ()
        if value in {output.name for output in model.outputs}:
            return model
    else:
        free = with_free_name(model, name, place, reporter)
        if isinstance(free, Failed):
            return free
        model = free
        copies = (NodeDef("Identity", f"{name}/Identity", (value,), (name,)),)
    further = _declared(model, value, name)
    return replace(model, nodes=(*model.nodes, *copies), outputs=(*model.outputs, further))


def _value_of(model: ModelDef, layer: str) -> str | None:
    values = model.layer_values
    if layer in values or not parse_metadata(model.metadata).is_from_archc:
        return values.get(layer)
    # A block gives what its last layer gives, and archc writes layers in their order.
    inside = [node for node in model.nodes if _is_inside(node, layer, any)]
    if not inside or not _is_inside(inside[-1], layer, all):
        return None
    return values.get(inside[-1].name.partition("/")[0])


def _is_inside(node: NodeDef, block: str, which: Callable[[Iterable[bool]], bool]) -> bool:
    """Whether any or all of the layers that a node does the work of are in a block."""
    return which(name.startswith(f"{block}.") for name in layers_in(node.name))


def _folded(model: ModelDef, layer: str) -> tuple[str, ...]:
    """A note where a layer is in the model, but not what it gives by itself."""
    if not _is_folded(model, layer):
        return ()
    (name, *_) = [n.name for n in model.nodes if layer in layers_in(n.name)] or [layer]
    return (f"it is folded with others into one operator, `{name}`",)


def _unfolded(model: ModelDef, layer: str) -> tuple[str, ...]:
    return ("build the model with `-O0`, which folds nothing",) if _is_folded(model, layer) else ()


def _is_folded(model: ModelDef, layer: str) -> bool:
    return any(layer in step[:2] for step in parse_metadata(model.metadata).folded)


def _last_layers(model: ModelDef) -> tuple[str, ...]:
    """The names of the last layers, which are those that features are mostly taken of."""
    values = {*model.layer_values} - {PROBABILITIES}
    names = dict.fromkeys(node.name.partition("/")[0] for node in model.nodes)
    last = [name for name in names if name in values][-SHOWN_NAMES:]
    return (f"its last layers are {listed(last)}",) if last else ()


def _declared(model: ModelDef, value: str, name: str) -> ValueDef:
    """An output of the type of a value; one of no type where ONNX cannot infer it."""
    code, dims = value_types(encode_structure(model)).get(value, (0, None))
    if not code:
        return ValueDef(name, value_type(0), (), is_ranked=False, encoded=text(1, name))
    sizes = tuple(dim if dim is not None else "" for dim in dims or ())
    return ValueDef(name, value_type(code), sizes, is_ranked=dims is not None)


def _is_softmax(model: ModelDef, value: str) -> bool:
    givers = {name: node for node in model.nodes for name in node.outputs}
    node = givers.get(value)
    while node is not None and node.op_type in _CHANGES_NO_SHARES and node.inputs:
        node = givers.get(node.inputs[0])
    return node is not None and node.op_type == "Softmax" and not node.domain


def _recorded(model: ModelDef, record: ModelRecord, output: str) -> ModelDef:
    probabilities = ModelRecord(probabilities=record.probabilities | {output})
    return replace(model, metadata={**model.metadata, **format_metadata(probabilities)})


def _check_scores(
    model: ModelDef, scores: ValueDef, place: Place, reporter: Reporter
) -> Failed | None:
    if scores.dtype not in (DType.FLOAT32, DType.FLOAT16):
        why = f"it holds {scores.dtype.value} elements"
    elif scores.is_ranked and len(scores.dims) < 2:
        why = "it has no second axis"
    elif model.opset < _SOFTMAX_OF_ONE_AXIS_OPSET and {*scores.dims[2:]} - {1}:
        why = f"it has further axes, and opset {model.opset} has no softmax over one of them"
    else:
        return None
    return reporter.error(
        NO_SCORES, f"`{shown(scores.name)}` has no probabilities: {why}", place,
        helps=("leave out `--probabilities`",),
    )  # fmt: skip
