"""The inputs and outputs of a configuration against those of an ONNX file."""

from __future__ import annotations

from pathlib import Path

from archc.deploy.triton.check_tensors import ANY, written
from archc.deploy.triton.element_types import BY_ONNX
from archc.deploy.triton.examined import Examined
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.errors import InternalError
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import Reporter
from archc.onnx_io.check import inferred_types
from archc.onnx_io.signature import Dims, Port, Signature
from archc.weights.shown import listed, shown

TENSOR_COUNT = Rule(
    "triton/tensor-count",
    "a configuration has another number of inputs than the model",
    "Every input of the model must be fed, so each must be declared.",
)
UNKNOWN_TENSOR = Rule(
    "triton/unknown-tensor",
    "a configuration names an input or output that the model does not have",
    "Tensors are found by name; Triton refuses a name that the model does not have.",
)
TENSOR_TYPE = Rule(
    "triton/tensor-type",
    "a tensor has another element type than the model's",
    "Triton converts nothing, and refuses the model.",
)
TENSOR_SHAPE = Rule(
    "triton/tensor-shape",
    "a tensor has other sizes than the model's",
    "With `max_batch_size` above 0 the batch is left out of `dims`, else it is among them; −1 may "
    "stand only where the model itself leaves a size open.",
)
BATCH_AXIS = Rule(
    "triton/batch-axis",
    "a model is said to take batches, and an axis for them is fixed",
    "With `max_batch_size` above 0 the first axis of every input and output must be open.",
)
OPTIONAL = Rule(
    "triton/optional-input",
    "an input is optional in a model that takes batches",
    "The backend for ONNX Runtime refuses that: requests of one batch must have the same inputs.",
)


def check_ports(model: Examined, signature: Signature, path: Path, reporter: Reporter) -> None:
    """Checks what is declared of a model against its file.

    Reports: triton/tensor-count, triton/unknown-tensor, triton/tensor-type, triton/tensor-shape,
        triton/batch-axis, triton/optional-input.
    """
    config = model.config
    if config.has("input"):
        _check_count(model, signature, reporter)
    for tensor in config.groups("input"):
        port = _find("input", tensor, signature.inputs, reporter)
        if tensor.flag("optional") and model.max_batch_size > 0:
            message = f"the input `{shown(tensor.text('name'))}` is optional"
            helps = ("leave out `optional`, or write `max_batch_size: 0`",)
            reporter.error(OPTIONAL, message, tensor.place_of("optional"), helps=helps)
        elif port is not None and not tensor.flag("allow_ragged_batch"):
            _check_shape(model, tensor, port.dims, reporter, is_exact=False)
    rest = {name for batch in config.groups("batch_output") for name in _names(batch)}
    for tensor in config.groups("output"):
        port = _find("output", tensor, signature.outputs, reporter)
        if port is not None and port.name not in rest:
            dims = _settled(port, tensor, path)
            _check_shape(model, tensor, dims, reporter, is_exact=True)


def _names(batch: Group) -> tuple[str, ...]:
    return tuple(str(value.data) for value in batch.fields.get("target_name", ()))


def _check_count(model: Examined, signature: Signature, reporter: Reporter) -> None:
    config = model.config
    if config.has("sequence_batching"):  # controls and states are inputs as well
        return
    # With batches an optional input is a mistake of its own, which is told apart.
    is_batched = model.max_batch_size > 0
    tensors = [t for t in config.groups("input") if is_batched or not t.flag("optional")]
    count = len(tensors) + len(config.groups("batch_input"))
    if count == len(signature.inputs):
        return
    declared = {tensor.text("name") for tensor in tensors}
    missing = [port.name for port in signature.inputs if port.name not in declared]
    helps = (f"declare {listed(missing)}",) if missing else ("leave out what is too many",)
    message = f"{_count(count)} declared, and the model has {len(signature.inputs)}"
    reporter.error(TENSOR_COUNT, message, model.place_of("input"), helps=helps)


def _count(count: int) -> str:
    return "1 input is" if count == 1 else f"{count} inputs are"


def _find(kind: str, tensor: Group, ports: tuple[Port, ...], reporter: Reporter) -> Port | None:
    """The model's own input or output of this name and type."""
    name = tensor.text("name")
    port = next((port for port in ports if port.name == name), None)
    if port is None:
        if name:
            others = [other.name for other in ports]
            message = f"the model has no {kind} `{shown(name)}`"
            helps = did_you_mean(name, others) or (f"its {kind}s are {listed(others)}",)
            reporter.error(UNKNOWN_TENSOR, message, tensor.place_of("name"), helps=helps)
        return None
    wanted, found = BY_ONNX.get(port.element), tensor.text("data_type")
    if found not in {wanted, "TYPE_INVALID"}:
        right = f"write `data_type: {wanted}`" if wanted else "no type of Triton's is the model's"
        message = (
            f"the {kind} `{shown(name)}` is {found}, and {wanted or port.element} in the model"
        )
        reporter.error(TENSOR_TYPE, message, tensor.place_of("data_type"), helps=(right,))
    return port


def _settled(port: Port, tensor: Group, path: Path) -> Dims | None:
    """The sizes of an output; what its file leaves open is inferred, as ONNX Runtime does it.

    What neither says counts as what is declared: nothing is refused on a guess.
    """
    declared = _wanted(tensor)
    if port.dims is not None and (
        ANY in declared or all(isinstance(size, int) for size in port.dims[1:])
    ):
        return port.dims
    try:
        found = inferred_types(path).get(port.name)
    except (OSError, InternalError):
        return None
    if found is None or port.dims is None or len(found) != len(port.dims):
        return found
    return tuple(b if isinstance(b, int) else a for a, b in zip(port.dims, found, strict=True))


def _wanted(tensor: Group) -> tuple[int, ...]:
    reshape = tensor.group("reshape")
    return tensor.integers("dims") if reshape is None else reshape.integers("shape")


def _check_shape(
    model: Examined, tensor: Group, dims: Dims | None, reporter: Reporter, *, is_exact: bool
) -> None:
    wanted = _wanted(tensor)
    if dims is None or (not wanted and not tensor.has("reshape")):
        return
    name, place = shown(tensor.text("name")), tensor.place_of("dims")
    shape = tuple(size if isinstance(size, int) else ANY for size in dims)
    is_batched = model.max_batch_size > 0
    if is_batched and (not shape or shape[0] != ANY):
        first = f"fixed at {shape[0]}" if shape else "missing"
        helps = ("write `max_batch_size: 0`, or build the model with an open batch",)
        message = f"the batch axis of `{name}` is {first}, and `max_batch_size` is not 0"
        reporter.error(BATCH_AXIS, message, place, helps=helps)
        return
    if not shape:
        if any(size != 1 for size in wanted):
            message = f"`{name}` is one number in the model, and {written(wanted)} here"
            reporter.error(TENSOR_SHAPE, message, place)
        return
    inner = shape[1:] if is_batched else shape
    if len(inner) == len(wanted) and all(
        size == own or (own == ANY and not is_exact)
        for size, own in zip(wanted, inner, strict=True)
    ):
        return
    batch = ", the batch left out" if is_batched else ", the batch among them"
    reporter.error(
        TENSOR_SHAPE,
        f"`{name}` has the sizes {written(wanted)}, and the model {written(inner)}",
        place,
        helps=(f"write `dims: {written(inner)}`{batch}",),
    )
