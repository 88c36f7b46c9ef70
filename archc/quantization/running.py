"""Runs models that have weights in common: each weight is written once, to a temporary folder.

How to round a network is found by running many models: the float one for what is within it, and one
for each way to round. ONNX Runtime maps their weights from one file, which grows as new ones come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from archc.graph.weight import WeightSource
from archc.onnx_io.encode import encode_model
from archc.onnx_io.model import InitializerDef, ModelDef, ValueDef
from archc.onnx_io.session import Session, open_session, run
from archc.shapes.tensor_type import DType

Sample: TypeAlias = Mapping[str, NDArray[np.generic]]
"""Inputs by name, each a batch of one."""

_ALIGNMENT_BYTES = 4096
_CHUNK_BYTES = 1 << 20


class StoredSource(NamedTuple):
    """The source of a weight where a `Runner` has written it.

    Attributes:
        path: the file.
        offset: where it begins there, in bytes.
        shape: its sizes.
        dtype: its element type.
        origin: where it was read from.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: str
    origin: WeightSource

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements in C order; memory follows the chunk."""
        assert dtype == self.dtype
        left = int(np.prod(self.shape)) * np.dtype(dtype).itemsize
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while left:
                chunk = file.read(min(left, _CHUNK_BYTES))
                left -= len(chunk)
                yield chunk


@final
class Runner:
    """Runs models; what it has written is gone once it is closed.

    Raises:
        OSError: the temporary folder does not take the weights.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="archc-")
        self._weights = Path(self._folder.name) / "weights"
        # A source that is kept keeps its id.
        self._written: dict[int, tuple[WeightSource, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *of_error: object) -> None:
        self._folder.cleanup()

    def stored(self, model: ModelDef) -> ModelDef:
        """The model with all its weights written: they are read fast, and again and again."""
        return replace(model, initializers=tuple(map(self._stored, model.initializers)))

    def answers(
        self, model: ModelDef, samples: Sequence[Sample], values: Collection[str] = ()
    ) -> Iterator[dict[str, NDArray[np.generic]]]:
        """For each sample the outputs by name, and some float32 values of the model with them."""
        session = self._session(model, values)
        for sample in samples:
            yield run(session, sample)

    def _session(self, model: ModelDef, values: Collection[str]) -> Session:
        there = {value.name for value in (*model.outputs, *model.inputs)}
        further = tuple(
            ValueDef(value, DType.FLOAT32, (), is_ranked=False)
            for value in dict.fromkeys(values)
            if value not in there
        )
        wide = replace(model, outputs=(*model.outputs, *further))
        places = {
            initializer.name: (self._weights.name, self._offset(initializer, initializer.source))
            for initializer in model.initializers
            if not isinstance(initializer.source, bytes)
        }
        pieces = encode_model(wide, places)
        path = self._weights.with_name("model.onnx")
        path.write_bytes(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
        return open_session(path)

    def _stored(self, initializer: InitializerDef) -> InitializerDef:
        source = initializer.source
        if isinstance(source, bytes):
            return initializer
        offset = self._offset(initializer, source)
        dtype = initializer.dtype.value
        stored = StoredSource(self._weights, offset, initializer.dims, dtype, source)
        self._written[id(stored)] = stored, offset
        return replace(initializer, source=stored)

    def _offset(self, initializer: InitializerDef, source: WeightSource) -> int:
        """Where the elements of a weight lie; they are written where they do not yet."""
        if id(source) not in self._written:
            with self._weights.open("ab") as file:
                file.write(bytes(-file.tell() % _ALIGNMENT_BYTES))
                self._written[id(source)] = source, file.tell()
                for chunk in source.chunks(initializer.dtype.value):
                    file.write(chunk)
        return self._written[id(source)][1]
