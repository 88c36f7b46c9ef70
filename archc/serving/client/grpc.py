"""The client over gRPC, with the messages of tritonclient (the extra `serve`).

Import this module only where gRPC is wanted: without tritonclient the import fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, final

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.serving.client.address import Address
from archc.serving.client.protocol import (
    MAX_ANSWER_BYTES,
    SECONDS,
    ModelConfig,
    ModelInfo,
    ModelState,
    ServerInfo,
    Tensor,
    TensorInfo,
    Tensors,
)
from archc.serving.client.tensors import (
    MalformedTensorError,
    UnknownDatatypeError,
    decode,
    encode,
)
from archc.serving.client.trouble import Trouble
from archc.weights.shown import shown

_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ("grpc.enable_retries", 0),
)
_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
_RECEIVED_TOO_MUCH = "larger than max"  # what gRPC itself says of a message beyond the option


@final
class GrpcClient:
    """A `Client` over gRPC; the connection is made by the first request and kept."""

    def __init__(
        self,
        address: Address,
        *,
        seconds: float = SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._address = address
        self._seconds = seconds
        self._metadata = tuple((name.lower(), value) for name, value in (headers or {}).items())
        self._trouble = Trouble(str(address), seconds)
        self._channel = (
            grpc.secure_channel(address.authority, grpc.ssl_channel_credentials(), _OPTIONS)
            if address.is_secure
            else grpc.insecure_channel(address.authority, _OPTIONS)
        )
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    @property
    def address(self) -> str:
        """The server's address."""
        return str(self._address)

    def is_live(self) -> bool:
        """Whether the server answers that it runs."""
        found = self._call("ServerLive", service_pb2.ServerLiveRequest(), Reporter())
        return not isinstance(found, Failed) and bool(found.live)

    def is_ready(self, model: str | None = None, version: str | None = None) -> bool:
        """Whether the server, or one model, answers that it can be called."""
        if model is None:
            found = self._call("ServerReady", service_pb2.ServerReadyRequest(), Reporter())
        else:
            request = service_pb2.ModelReadyRequest(name=model, version=version or "")
            found = self._call("ModelReady", request, Reporter())
        return not isinstance(found, Failed) and bool(found.ready)

    def server(self, reporter: Reporter) -> ServerInfo | Failed:
        """What the server says of itself."""
        found = self._call("ServerMetadata", service_pb2.ServerMetadataRequest(), reporter)
        if isinstance(found, Failed):
            return FAILED
        return ServerInfo(found.name, found.version, tuple(found.extensions))

    def models(self, reporter: Reporter) -> tuple[ModelState, ...] | Failed:
        """The models of its repository."""
        found = self._call("RepositoryIndex", service_pb2.RepositoryIndexRequest(), reporter)
        if isinstance(found, Failed):
            return FAILED
        return tuple(ModelState(m.name, m.version, m.state, m.reason) for m in found.models)

    def metadata(
        self, model: str, reporter: Reporter, *, version: str | None = None
    ) -> ModelInfo | Failed:
        """The inputs and outputs of a model."""
        request = service_pb2.ModelMetadataRequest(name=model, version=version or "")
        found = self._call("ModelMetadata", request, reporter)
        if isinstance(found, Failed):
            return FAILED
        info = ModelInfo(
            found.name,
            tuple(found.versions),
            found.platform,
            tuple(TensorInfo(t.name, t.datatype, tuple(t.shape)) for t in found.inputs),
            tuple(TensorInfo(t.name, t.datatype, tuple(t.shape)) for t in found.outputs),
        )
        return self._trouble.model_of(info, model, reporter)

    def config(
        self, model: str, reporter: Reporter, *, version: str | None = None
    ) -> ModelConfig | Failed:
        """The configuration of a model, where the server is one that has such (Triton)."""
        request = service_pb2.ModelConfigRequest(name=model, version=version or "")
        found = self._call("ModelConfig", request, reporter)
        if isinstance(found, Failed):
            return FAILED
        config = found.config
        return ModelConfig(
            max(config.max_batch_size, 0),
            {key: value.string_value for key, value in config.parameters.items()},
            tuple(output.name for output in config.output if output.label_filename),
        )

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Tensor],
        reporter: Reporter,
        *,
        outputs: Sequence[str] = (),
        version: str | None = None,
        classes: int = 0,
    ) -> Tensors | Failed:
        """The outputs for inputs by name; all outputs where none are named."""
        request = service_pb2.ModelInferRequest(model_name=model, model_version=version or "")
        try:
            for name, tensor in inputs.items():
                datatype, shape, data = encode(tensor)
                request.inputs.add(name=name, datatype=datatype, shape=shape)
                request.raw_input_contents.append(data)
        except TypeError as error:
            return self._trouble.datatype(str(error), reporter)
        for name in outputs:
            wanted = request.outputs.add(name=name)
            if classes:
                wanted.parameters["classification"].int64_param = classes
        found = self._call("ModelInfer", request, reporter)
        if isinstance(found, Failed):
            return FAILED
        try:
            return self._trouble.checked(_tensors(found), tuple(outputs), reporter)
        except MalformedTensorError as error:
            return self._trouble.malformed("answer of a model", str(error), reporter)
        except UnknownDatatypeError as error:
            return self._trouble.datatype(f"`{shown(str(error))}` is no known type", reporter)

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, method: str, request: Any, reporter: Reporter) -> Any | Failed:
        try:
            return getattr(self._stub, method)(
                request, timeout=self._seconds, metadata=self._metadata
            )
        except grpc.RpcError as error:
            return self._reported(error, reporter)

    def _reported(self, error: Any, reporter: Reporter) -> Failed:
        code, reason = error.code(), error.details() or ""
        if code in _UNREACHABLE:
            return self._trouble.unreachable(reason, reporter)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return self._trouble.timeout(reporter)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _RECEIVED_TOO_MUCH in reason:
            return self._trouble.too_large(MAX_ANSWER_BYTES, reporter)
        status = code.name.lower().replace("_", " ")
        return self._trouble.refused(status, reason, reporter)


def _tensors(found: Any) -> Tensors:
    raw = found.raw_output_contents
    if len(raw) != len(found.outputs):
        raise MalformedTensorError(f"{len(found.outputs)} outputs came with {len(raw)} tensors")
    tensors = {}
    for output, data in zip(found.outputs, raw, strict=True):
        if output.name in tensors:
            raise MalformedTensorError(f"`{shown(output.name)}` came twice")
        tensors[output.name] = decode(output.name, output.datatype, output.shape, data)
    return tensors
