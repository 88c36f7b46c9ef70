"""The ONNX reader: the initializers of a model as weights under their names.

A model may come from anybody. What it declares is compared with the bytes at hand, and external
data are read from regular files in the model's own folder alone (`archc.onnx_io.model_file`).

archc names weights by layers and constants by paths with a slash (`pool/axes`), so that of its own
models exactly the weights are taken. Other programs name both alike; there, whole numbers of
at most one axis are taken for sizes and indices and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.elements import single_numbers
from archc.onnx_io.model import InitializerDef, ModelDef
from archc.onnx_io.model_file import ModelFile, open_model_file
from archc.onnx_io.stored_file import Stretches
from archc.onnx_io.tensor_file import StoredElements
from archc.weights.checkpoint import ONNX_MODEL
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.elements import ELEMENT_TYPES
from archc.weights.refusal import TOO_MANY, CheckpointError
from archc.weights.shown import listed
from archc.weights.state_dict import (
    MAX_TENSORS,
    NO_TENSORS,
    State,
    check_name,
    without_prefixes,
)
from archc.weights.stored_tensor import StoredTensor, contiguous_strides

FORMAT = ONNX_MODEL

_FOLDED = "archc.folded"
_VERSION, _TRAINED, _SEED = "archc.version", "archc.trained", "archc.seed"
_SEED_DIGITS = 20
_CONSTANT = "/"
"""What the name of a constant of archc has, and that of a weight has not."""


@dataclass(frozen=True, slots=True)
class _Stretched:
    """A model file, or a file beside it, read at positions."""

    file: Stretches

    def read(self, begin: int, count: int) -> bytes:
        return b"".join(self.file.stretch(begin, count))


@dataclass(frozen=True, slots=True)
class _Kept:
    """The few bytes of a small tensor."""

    data: bytes

    def read(self, begin: int, count: int) -> bytes:
        return self.data[begin : begin + count]


def read_onnx(file: CheckpointFile) -> State[StoredTensor]:
    """The weights of an ONNX model in the order of its graph, and notes on what was left out.

    What is opened besides is closed with the file.

    Raises:
        CheckpointError: the file is no valid model, its external data are not what they should be,
            or it has no weights.
    """
    opened = _opened(file.path)
    file.close_with(opened.close)
    weights, others = model_weights(opened.model)
    if not weights:
        raise CheckpointError(
            NO_TENSORS,
            "the model has no initializers that are weights",
            helps=["export it with its weights as initializers, not as constants of operators"],
        )
    if len(weights) > MAX_TENSORS:
        message = f"the model holds {len(weights)} weights, more than {MAX_TENSORS}"
        raise CheckpointError(TOO_MANY, message)
    tensors = {}
    for weight in weights:
        check_name("", weight.name)
        tensors[weight.name] = stored_weight(weight)
    state = State(tensors, ()) if _is_own(opened.model) else without_prefixes(tensors)
    notes = (*_notes(opened.model, others), *state.notes)
    return State(state.tensors, notes, state.is_averaged)


def model_weights(
    model: ModelDef,
) -> tuple[tuple[InitializerDef, ...], tuple[InitializerDef, ...]]:
    """The initializers of a model that are weights, and those of other programs that are not.

    The constants of a model of archc are in neither.
    """
    is_own = _is_own(model)
    found = [i for i in model.initializers if not (is_own and _CONSTANT in i.name)]
    taken = [_is_weight(i, is_own=is_own) for i in found]
    weights = (i for i, is_taken in zip(found, taken, strict=True) if is_taken)
    others = (i for i, is_taken in zip(found, taken, strict=True) if not is_taken)
    return tuple(weights), tuple(others)


def _opened(path: str) -> ModelFile:
    reporter = Reporter()
    opened = open_model_file(Path(path), reporter)
    if isinstance(opened, Failed):
        found = reporter.diagnostics[0]
        raise CheckpointError(found.rule, found.message, notes=found.notes, helps=found.helps)
    return opened


def _is_own(model: ModelDef) -> bool:
    return _VERSION in model.metadata


def _is_weight(initializer: InitializerDef, *, is_own: bool) -> bool:
    kind = ELEMENT_TYPES.get(initializer.dtype.value)
    if kind is None or kind.code is None:
        return False
    return is_own or "float" in kind.name or len(initializer.dims) > 1


def _notes(model: ModelDef, others: tuple[InitializerDef, ...]) -> Iterator[str]:
    if others:
        names = listed([other.name for other in others])
        yield f"left out tensors that hold sizes, indices or texts: {names}"
    if _FOLDED in model.metadata:
        yield (
            "layers of the model are folded into others: built with `-O0`, it has every weight "
            "as it was trained"
        )
    if model.metadata.get(_TRAINED) == "false":
        seed = model.metadata.get(_SEED, "")
        is_number = seed.isascii() and seed.isdigit() and len(seed) < _SEED_DIGITS
        drawn = f", drawn with seed {seed}" if is_number else ""
        yield f"the weights of the model are random{drawn}: nothing is trained"


def stored_weight(weight: InitializerDef) -> StoredTensor:
    """Where the elements of an initializer of an open model lie."""
    dims, source = weight.dims, weight.source
    strides = contiguous_strides(dims)
    if isinstance(source, StoredElements):
        return StoredTensor(_Stretched(source.file), source.dtype, dims, strides, source.begin)
    data = source if isinstance(source, bytes) and weight.encoded is None else _numbers(weight)
    return StoredTensor(_Kept(data), weight.dtype.value, dims, strides, 0)


def _numbers(weight: InitializerDef) -> bytes:
    """The bytes of a tensor whose elements stand in the model as single numbers."""
    code = ELEMENT_TYPES[weight.dtype.value].code
    assert code is not None  # else it would have been left out
    # A float16 stands there as its bits, as a bfloat16 does.
    return single_numbers(weight).astype("<u2" if code == "<f2" else code).tobytes()
