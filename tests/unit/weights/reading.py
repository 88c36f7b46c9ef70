"""Opening checkpoints in tests: the values of all tensors, or the one diagnostic."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.weight import WeightSource
from archc.weights.checkpoint import Checkpoint
from archc.weights.readers import open_checkpoint

CODES = {"float32": "<f4", "float16": "<f2"}


def opened(path: Path) -> Checkpoint:
    reporter = Reporter()
    checkpoint = open_checkpoint(path, reporter)
    assert not isinstance(checkpoint, Failed), reporter.diagnostics
    assert not reporter.diagnostics
    return checkpoint


def refused(path: Path | str) -> Diagnostic:
    reporter = Reporter()
    assert isinstance(open_checkpoint(path, reporter), Failed)
    (diagnostic,) = reporter.diagnostics
    assert diagnostic.span.file == str(path)
    return diagnostic


def slug(path: Path | str) -> str:
    return refused(path).rule.slug


def array(source: WeightSource, dtype: str = "float32") -> npt.NDArray[np.generic]:
    data = b"".join(bytes(chunk) for chunk in source.chunks(dtype))
    return np.frombuffer(data, CODES[dtype]).reshape(source.shape)


def values(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    with opened(path) as checkpoint:
        return {name: array(source) for name, source in checkpoint.tensors.items()}


def write_safetensors(path: Path, header: object, buffer: bytes = b"") -> Path:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data + buffer)
    return path


def entry(dtype: str, shape: list[int], begin: int, end: int) -> Mapping[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
