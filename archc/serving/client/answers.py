"""The JSON that servers answer with, checked: metadata, configurations, indices, inferences."""

from typing import Annotated, TypeVar

from annotated_types import Ge, Le
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from archc.serving.client.protocol import (
    ModelConfig,
    ModelInfo,
    ModelState,
    ServerInfo,
    TensorInfo,
    Tensors,
)
from archc.serving.client.tensors import MalformedTensorError, decode
from archc.weights.shown import shown

T = TypeVar("T")

_LARGEST = 1 << 62


class MalformedAnswerError(Exception):
    """An answer is not what the protocol says; the text says in what."""


def _whole(value: object) -> object:
    """Whole numbers written as texts, as protobuf's JSON has those of 64 bits."""
    is_text = isinstance(value, str) and value.lstrip("-").isdigit() and len(value) < 20
    return int(value) if is_text and isinstance(value, str) else value


Size = Annotated[int, BeforeValidator(_whole), Ge(-1), Le(_LARGEST)]


class _Part(BaseModel):
    """Part of an answer; what the protocol does not name is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, protected_namespaces=())


class _Server(_Part):
    name: str
    version: str = ""
    extensions: tuple[str, ...] = ()


class _Tensor(_Part):
    name: str
    datatype: str
    shape: tuple[Size, ...]


class _Model(_Part):
    name: str
    versions: tuple[str, ...] | None = None
    platform: str = ""
    inputs: tuple[_Tensor, ...] = ()
    outputs: tuple[_Tensor, ...] = ()


class _State(_Part):
    name: str
    version: str | None = None
    state: str = ""
    reason: str | None = None


class _Value(_Part):
    string_value: str = ""


class _Labelled(_Part):
    name: str
    label_filename: str = ""


class _Config(_Part):
    max_batch_size: Size = 0
    parameters: dict[str, _Value] = {}
    output: tuple[_Labelled, ...] = ()


class _Sizes(_Part):
    binary_data_size: Size | None = None


class _Output(_Tensor):
    parameters: _Sizes = _Sizes()


class _Inference(_Part):
    outputs: tuple[_Output, ...]


class _Refusal(_Part):
    error: str


_SERVER, _MODEL, _CONFIG = TypeAdapter(_Server), TypeAdapter(_Model), TypeAdapter(_Config)
_INDEX, _INFERENCE = TypeAdapter(tuple[_State, ...]), TypeAdapter(_Inference)
_REFUSAL = TypeAdapter(_Refusal)


def _parse(adapter: TypeAdapter[T], body: bytes) -> T:
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = shown(first["msg"][:1].lower() + first["msg"][1:])
        raise MalformedAnswerError(f"at `{shown(where)}`: {what}" if where else what) from None


def read_server(body: bytes) -> ServerInfo:
    """A server's metadata."""
    return ServerInfo(*_parse(_SERVER, body).model_dump().values())


def read_model(body: bytes) -> ModelInfo:
    """A model's metadata."""
    found = _parse(_MODEL, body)
    return ModelInfo(
        found.name,
        found.versions or (),
        found.platform,
        tuple(TensorInfo(t.name, t.datatype, t.shape) for t in found.inputs),
        tuple(TensorInfo(t.name, t.datatype, t.shape) for t in found.outputs),
    )


def read_index(body: bytes) -> tuple[ModelState, ...]:
    """A repository's index."""
    return tuple(
        ModelState(s.name, s.version or "", s.state, s.reason or "") for s in _parse(_INDEX, body)
    )


def read_config(body: bytes) -> ModelConfig:
    """A model's configuration, as Triton has it."""
    found = _parse(_CONFIG, body)
    return ModelConfig(
        max(found.max_batch_size, 0),
        {key: value.string_value for key, value in found.parameters.items()},
        tuple(output.name for output in found.output if output.label_filename),
    )


def read_inference(body: bytes, header_length: str | None) -> Tensors | None:
    """The outputs of an inference; None where they came as JSON instead of binary tensors."""
    if header_length is None:
        _parse(_INFERENCE, body)
        return None
    length = int(header_length) if header_length.isascii() and header_length.isdigit() else -1
    if not 0 <= length <= len(body):
        raise MalformedAnswerError(f"its JSON has a length of `{shown(header_length)}`")
    outputs = _parse(_INFERENCE, body[:length]).outputs
    if any(output.parameters.binary_data_size is None for output in outputs):
        return None
    found: Tensors = {}
    for output in outputs:
        end = length + (output.parameters.binary_data_size or 0)
        if end < length or end > len(body):
            raise MalformedTensorError(f"`{shown(output.name)}` ends after the answer does")
        if output.name in found:
            raise MalformedAnswerError(f"`{shown(output.name)}` came twice")
        found[output.name] = decode(output.name, output.datatype, output.shape, body[length:end])
        length = end
    if length != len(body):
        raise MalformedAnswerError(f"{len(body) - length} bytes belong to no output")
    return found


def refusal_of(body: bytes) -> str:
    """A server's own words for why it refuses; the start of its body where it gives no error."""
    try:
        return _parse(_REFUSAL, body).error
    except MalformedAnswerError:
        return body[:400].decode("utf-8", "replace").strip()
