"""Sessions of ONNX Runtime, with threads that are said and warnings that are seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import onnxruntime
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array whose element type is known only when the model runs."""

_WARNING = 2


class Argument(Protocol):
    """An input or output of a session."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def type(self) -> str:
        """Its type, such as `tensor(float)`."""

    @property
    def shape(self) -> list[int | str | None]:
        """Its sizes: numbers, or names of those that the caller chooses."""


class ModelMeta(Protocol):
    """What a model says of itself."""

    @property
    def custom_metadata_map(self) -> dict[str, str]:
        """Its properties."""


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that archc uses."""

    def get_inputs(self) -> Sequence[Argument]:
        """The inputs, in order."""

    def get_outputs(self) -> Sequence[Argument]:
        """The outputs, in order."""

    def get_modelmeta(self) -> ModelMeta:
        """What the model says of itself."""

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Array]
    ) -> Sequence[Array]:
        """The outputs of these names, all for None, for these inputs by name."""


def runtime_version() -> str:
    """The version of ONNX Runtime."""
    version: str = onnxruntime.__version__
    return version


def open_session(model: Path | bytes, *, threads: int = 1) -> Session:
    """A session on the CPU with all graph optimisations and this many threads.

    Idle threads sleep, so that a session takes the processor only while it runs. Warnings of ONNX
    Runtime, such as an output of another shape than declared, go to standard error. A model with
    external weights must be given as a path.

    Raises:
        Exception: ONNX Runtime's own errors, where it cannot load the model.
    """
    session: Session = onnxruntime.InferenceSession(
        str(model) if isinstance(model, Path) else model,
        session_options(threads),
        providers=["CPUExecutionProvider"],
    )
    return session


def session_options(threads: int) -> Any:
    """ONNX Runtime's options of such a session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _WARNING
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def run(session: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs by name, for inputs by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))
