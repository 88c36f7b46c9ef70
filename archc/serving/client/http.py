"""The client over HTTP, with nothing but the standard library.

Tensors go and come as binary data behind the JSON, never as JSON numbers: a picture of 224 × 224
pixels as text costs more time than most networks take to run.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.serving.client.address import Address, model_path
from archc.serving.client.answers import (
    MalformedAnswerError,
    read_config,
    read_index,
    read_inference,
    read_model,
    read_server,
    refusal_of,
)
from archc.serving.client.protocol import (
    MAX_ANSWER_BYTES,
    SECONDS,
    ModelConfig,
    ModelInfo,
    ModelState,
    ServerInfo,
    Tensor,
    Tensors,
)
from archc.serving.client.tensors import MalformedTensorError, UnknownDatatypeError, encode
from archc.serving.client.transport import Answer, TooLargeError, Transport
from archc.serving.client.trouble import Trouble
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_BINARY_TENSORS = Rule(
    "server/no-binary-tensors",
    "a server takes no binary tensors over HTTP",
    "Tensors as JSON numbers take longer than the network itself; over gRPC all are binary.",
)

MAX_DESCRIPTION_BYTES = 16 << 20
"""The longest answer that is read where no tensors come."""

_BINARY = "binary_tensor_data"
_HEADER_LENGTH = "Inference-Header-Content-Length"
_JSON = {"Content-Type": "application/json"}

T = TypeVar("T")


@final
class HttpClient:
    """A `Client` over HTTP or HTTPS; the connection is made by the first request and kept."""

    def __init__(
        self,
        address: Address,
        *,
        seconds: float = SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._address = address
        self._transport = Transport(address, seconds, headers or {})
        self._trouble = Trouble(str(address), seconds)

    @property
    def address(self) -> str:
        """The server's address."""
        return str(self._address)

    def is_live(self) -> bool:
        """Whether the server answers that it runs."""
        return self._is_fine("/v2/health/live")

    def is_ready(self, model: str | None = None, version: str | None = None) -> bool:
        """Whether the server, or one model, answers that it can be called."""
        return self._is_fine(
            "/v2/health/ready" if model is None else model_path(model, version, "/ready")
        )

    def server(self, reporter: Reporter) -> ServerInfo | Failed:
        """What the server says of itself."""
        return self._described("GET", "/v2", read_server, "metadata of a server", reporter)

    def models(self, reporter: Reporter) -> tuple[ModelState, ...] | Failed:
        """The models of its repository."""
        path = "/v2/repository/index"
        return self._described("POST", path, read_index, "index of a repository", reporter)

    def metadata(
        self, model: str, reporter: Reporter, *, version: str | None = None
    ) -> ModelInfo | Failed:
        """The inputs and outputs of a model."""
        path = model_path(model, version)
        found = self._described("GET", path, read_model, "metadata of a model", reporter)
        if isinstance(found, Failed):
            return FAILED
        return self._trouble.model_of(found, model, reporter)

    def config(
        self, model: str, reporter: Reporter, *, version: str | None = None
    ) -> ModelConfig | Failed:
        """The configuration of a model, where the server is one that has such (Triton)."""
        path = model_path(model, version, "/config")
        return self._described("GET", path, read_config, "configuration of a model", reporter)

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
        try:
            head, parts = _request(inputs, outputs, classes)
        except TypeError as error:
            return self._trouble.datatype(str(error), reporter)
        fields = {"Content-Type": "application/octet-stream", _HEADER_LENGTH: str(len(head))}
        path = model_path(model, version, "/infer")
        answer = self._answer("POST", path, fields, [head, *parts], MAX_ANSWER_BYTES, reporter)
        if isinstance(answer, Failed):
            return FAILED
        if answer.status != HTTPStatus.OK:
            return self._not_inferred(answer, reporter)
        found = self._understood(
            lambda body: read_inference(body, answer.headers.get(_HEADER_LENGTH.lower())),
            answer,
            "answer of a model",
            reporter,
        )
        if isinstance(found, Failed):
            return FAILED
        if found is None:
            return self._no_binary("it sent numbers as text", reporter)
        return self._trouble.checked(found, tuple(outputs), reporter)

    def close(self) -> None:
        """Ends the connection; a further request makes another."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _is_fine(self, path: str) -> bool:
        answer = self._answer("GET", path, {}, (), MAX_DESCRIPTION_BYTES, Reporter())
        return not isinstance(answer, Failed) and answer.status == HTTPStatus.OK

    def _described(
        self, method: str, path: str, read: Callable[[bytes], T], what: str, reporter: Reporter
    ) -> T | Failed:
        body = (b"{}",) if method == "POST" else ()
        answer = self._answer(method, path, _JSON, body, MAX_DESCRIPTION_BYTES, reporter)
        if isinstance(answer, Failed):
            return FAILED
        if answer.status != HTTPStatus.OK:
            return self._refused(answer, reporter)
        return self._understood(read, answer, what, reporter)

    def _answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes],
        limit: int,
        reporter: Reporter,
    ) -> Answer | Failed:
        try:
            return self._transport.request(method, path, headers, body, limit)
        except TooLargeError:
            return self._trouble.too_large(limit, reporter)
        except TimeoutError:
            return self._trouble.timeout(reporter)
        except http.client.BadStatusLine as error:
            if isinstance(error, ConnectionError):
                return self._trouble.unreachable("it ended the connection", reporter)
            return self._trouble.malformed("answer in HTTP", shown(str(error).strip()), reporter)
        except http.client.IncompleteRead:
            return self._trouble.unreachable("it ended the connection within its answer", reporter)
        except (http.client.HTTPException, ValueError) as error:
            return self._trouble.malformed("answer in HTTP", shown(str(error).strip()), reporter)
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or str(error)
            return self._trouble.unreachable(f"TLS: {why}".lower(), reporter)
        except OSError as error:
            return self._trouble.unreachable((error.strerror or str(error)).lower(), reporter)

    def _understood(
        self, read: Callable[[bytes], T], answer: Answer, what: str, reporter: Reporter
    ) -> T | Failed:
        try:
            return read(answer.body)
        except (MalformedAnswerError, MalformedTensorError) as error:
            return self._trouble.malformed(what, str(error), reporter)
        except UnknownDatatypeError as error:
            return self._trouble.datatype(f"`{shown(str(error))}` is no known type", reporter)

    def _refused(self, answer: Answer, reporter: Reporter) -> Failed:
        location = answer.headers.get("location", "")
        helps = (f"it leads to `{shown(location)}`; call that",) if location else ()
        status = f"{answer.status} {_phrase(answer.status)}".strip()
        return self._trouble.refused(status, refusal_of(answer.body), reporter, helps)

    def _not_inferred(self, answer: Answer, reporter: Reporter) -> Failed:
        """A refusal, or, of a server that does not know binary tensors, the reason for it."""
        found = self.server(Reporter())
        if isinstance(found, Failed) or _BINARY in found.extensions:
            return self._refused(answer, reporter)
        return self._no_binary(f"it answered {answer.status}: {refusal_of(answer.body)}", reporter)

    def _no_binary(self, why: str, reporter: Reporter) -> Failed:
        return reporter.error(
            NO_BINARY_TENSORS,
            f"`{self.address}` takes and gives tensors as text alone",
            file_place(self.address),
            notes=(shown(why), f"`GET /v2` lists no extension `{_BINARY}`"),
            helps=(f"call it over gRPC: `grpc://{self._address.host}:PORT` (MLServer: 8081)",),
        )


def _request(
    inputs: Mapping[str, Tensor], outputs: Sequence[str], classes: int
) -> tuple[bytes, list[bytes]]:
    encoded = {name: encode(tensor) for name, tensor in inputs.items()}
    wanted = {"classification": classes} if classes else {"binary_data": True}
    document = {
        "inputs": [
            {
                "name": name,
                "shape": list(tensor.shape),
                "datatype": tensor.datatype,
                "parameters": {"binary_data_size": len(tensor.data)},
            }
            for name, tensor in encoded.items()
        ],
        "outputs": [
            {"name": name, "parameters": {**wanted, "binary_data": True}} for name in outputs
        ],
        "parameters": {"binary_data_output": True},
    }
    if not outputs:
        del document["outputs"]
    head = json.dumps(document).encode()
    return head, [tensor.data for tensor in encoded.values()]


def _phrase(status: int) -> str:
    return http.client.responses.get(status, "")
