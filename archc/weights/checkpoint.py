"""An open checkpoint: its tensors by name, none of them read yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, NamedTuple, Self, TypeAlias

from archc.diagnostics.place import Place, Source, Span
from archc.graph.weight import WeightSource
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.checkpoint_folder import CheckpointFolder

Layout: TypeAlias = Literal["torch", "keras"]
"""How weights lie and what they are called."""


ONNX_MODEL = "ONNX model"
"""The format of a model that weights are taken from."""


class Contents(NamedTuple):
    """What a reader found: see `Checkpoint`."""

    format: str
    tensors: Mapping[str, WeightSource]
    notes: tuple[str, ...]
    layout: Layout | None = None


def file_place(path: str) -> Place:
    """The place of a diagnostic about a file as a whole."""
    return Place(Span(Source(path, ""), 1, 1, 1, 1))


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a checkpoint, whose files stay open until `close`.

    A context manager. A tensor's elements can be read while its file is open only.

    Attributes:
        path: where the file or the folder lies.
        format: the form of the file, such as "safetensors" or "torch zip".
        tensors: a source for each name, in the file's order.
        notes: what was decided in choosing the tensors: the key that was used and its alternatives,
            a prefix that was taken off, entries that are no tensors.
        layout: how arrays lie in the file, where the file itself says it.
    """

    path: str
    format: str
    tensors: Mapping[str, WeightSource]
    file: CheckpointFile | CheckpointFolder = field(repr=False)
    notes: tuple[str, ...] = ()
    layout: Layout | None = None

    def close(self) -> None:
        """Closes the file, or all of them; its tensors cannot be read any more."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
