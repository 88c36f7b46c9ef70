"""An open checkpoint: its tensors by name, none of them read yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from archc.diagnostics.place import Place, Source, Span
from archc.graph.weight import WeightSource
from archc.weights.checkpoint_file import CheckpointFile


def file_place(path: str) -> Place:
    """The place of a diagnostic about a file as a whole."""
    return Place(Span(Source(path, ""), 1, 1, 1, 1))


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a checkpoint file, which stays open until `close`.

    A context manager. A tensor's elements can be read while the file is open only.

    Attributes:
        path: where the file lies.
        format: "safetensors", "torch zip" or "torch legacy stream".
        tensors: a source for each name, in the file's order.
        notes: what was decided in choosing the tensors: the key that was used and its alternatives,
            a prefix that was taken off, entries that are no tensors.
    """

    path: str
    format: str
    tensors: Mapping[str, WeightSource]
    file: CheckpointFile = field(repr=False)
    notes: tuple[str, ...] = ()

    def close(self) -> None:
        """Closes the file; its tensors cannot be read any more."""
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
