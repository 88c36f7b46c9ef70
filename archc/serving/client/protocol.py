"""What a client of an inference server does, whether it speaks HTTP or gRPC.

The protocol is the Open Inference Protocol, version 2, with Triton's extensions for binary tensors,
classification, model configuration and the repository's index
(https://github.com/kserve/open-inference-protocol,
https://github.com/triton-inference-server/server/tree/main/docs/protocol).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.reporter import Failed, Reporter

Tensor: TypeAlias = NDArray[np.generic] | Sequence[bytes]
"""What is sent: an array, or N byte strings, which go as a BYTES tensor (N, 1)."""

Tensors: TypeAlias = dict[str, NDArray[np.generic]]
"""What comes back, by name; a BYTES tensor is an array of `bytes` objects."""

SECONDS = 30.0
"""How long a client waits for one answer where nothing else is asked for."""

MAX_ANSWER_BYTES = 256 << 20
"""The longest answer that is read."""


class ServerInfo(NamedTuple):
    """What a server says of itself."""

    name: str
    version: str
    extensions: tuple[str, ...]


class TensorInfo(NamedTuple):
    """An input or output: `datatype` as in `FP32`, `shape` with the batch, −1 for any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class ModelInfo(NamedTuple):
    """What a server says of a model's tensors."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


class ModelState(NamedTuple):
    """A line of a repository's index."""

    name: str
    version: str
    state: str
    reason: str

    @property
    def is_ready(self) -> bool:
        """Whether the model can be called; the protocol lets a server say nothing of it."""
        # MLServer says `State.READY` over gRPC.
        return self.state.rpartition(".")[2] in ("READY", "")


class ModelConfig(NamedTuple):
    """The part of a model's configuration that a caller needs.

    Attributes:
        max_batch_size: the most samples of a request; 0 where the server adds no batch axis.
        parameters: the configuration's own parameters.
        labelled: the outputs whose classes have labels on the server, in order.
    """

    max_batch_size: int
    parameters: Mapping[str, str]
    labelled: tuple[str, ...]


class Client(Protocol):
    """A connection to one server; a context manager, for one thread at a time.

    What goes wrong is reported, with one of the rules server/unreachable, server/timeout,
    server/refused, server/malformed-answer, server/answer-too-large, server/datatype or
    server/no-binary-tensors.
    """

    @property
    def address(self) -> str:
        """The server's address, as messages show it."""

    def is_live(self) -> bool:
        """Whether the server answers that it runs."""

    def is_ready(self, model: str | None = None, version: str | None = None) -> bool:
        """Whether the server, or one model, answers that it can be called."""

    def server(self, reporter: Reporter) -> ServerInfo | Failed:
        """What the server says of itself."""

    def models(self, reporter: Reporter) -> tuple[ModelState, ...] | Failed:
        """The models of its repository."""

    def metadata(
        self, model: str, reporter: Reporter, *, version: str | None = None
    ) -> ModelInfo | Failed:
        """The inputs and outputs of a model."""

    def config(
        self, model: str, reporter: Reporter, *, version: str | None = None
    ) -> ModelConfig | Failed:
        """The configuration of a model, where the server is one that has such (Triton)."""

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
        """The outputs for inputs by name; all outputs where none are named.

        With `classes` k, each output is a BYTES tensor of its k best as `value:index:label`
        (Triton's classification extension); the outputs must then be named.
        """

    def close(self) -> None:
        """Ends the connection."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
