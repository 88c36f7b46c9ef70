"""Building a spec that is written as text, and running what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import archc
from archc.onnx_io.session import Session

Arrays: TypeAlias = dict[str, NDArray[Any]]
Shapes: TypeAlias = Mapping[str, Sequence[int]]

TOLERANCE = 1e-4
"""Of the largest number wanted: float32 carries seven digits, and long sums lose some of them."""


def write_spec(folder: Path, text: str) -> Path:
    """A spec of this text, its version and name put before it."""
    path = folder / "net.yaml"
    path.write_text(f"archc: 1\nname: net\n{text}", encoding="utf-8")
    return path


def draw_weights(shapes: Shapes, seed: int = 0) -> Arrays:
    """Weights by name: small normal numbers, variances from 0.5 on."""
    random = np.random.default_rng(seed)
    drawn: Arrays = {}
    for name, shape in shapes.items():
        deviation = 1 / math.sqrt(max(math.prod(shape[1:]), 1))
        numbers = random.standard_normal(tuple(shape)) * deviation
        if name.endswith("running_var"):
            numbers = np.abs(numbers) + 0.5
        drawn[name] = numbers.astype(np.float32)
    return drawn


def draw_image(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    """Normal numbers of this shape, the batch first."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


_STORED = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "uint16": "BF16"}


def write_checkpoint(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """A safetensors file of these arrays; uint16 ones are the bits of bfloat16."""
    path = folder / "net.safetensors"
    header: dict[str, object] = {}
    position = 0
    for name, array in arrays.items():
        ends = [position, position := position + array.nbytes]
        kind = _STORED[array.dtype.name]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": ends}
    text = json.dumps(header).encode()
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@dataclass(frozen=True)
class Built:
    """The bytes of a model, and what they are when they are loaded."""

    content: bytes

    @cached_property
    def session(self) -> Session:
        return archc.session(self.content)

    @cached_property
    def proto(self) -> onnx.ModelProto:
        proto: onnx.ModelProto = onnx.load_model_from_string(self.content)
        return proto

    @cached_property
    def weights(self) -> Arrays:
        """The initializers by name, small constants of archc's own among them."""
        return {i.name: onnx.numpy_helper.to_array(i) for i in self.proto.graph.initializer}

    @cached_property
    def metadata(self) -> dict[str, str]:
        return {entry.key: entry.value for entry in self.proto.metadata_props}

    def run(self, **feeds: NDArray[Any]) -> Arrays:
        """The outputs by name, each of the shape that the model declares for these inputs."""
        names = [output.name for output in self.session.get_outputs()]
        values = self.session.run(names, feeds)
        for output, value in zip(self.session.get_outputs(), values, strict=True):
            fixed = zip(output.shape, value.shape, strict=True)
            assert all(size == found for size, found in fixed if isinstance(size, int))
        return dict(zip(names, values, strict=True))


def build(
    folder: Path, text: str, *, weights: Mapping[str, NDArray[Any]] | None = None, **choices: Any
) -> Built:
    """The model of a spec, with weights of a checkpoint where they are given."""
    checkpoint = None if weights is None else write_checkpoint(folder, weights)
    return Built(archc.build_bytes(write_spec(folder, text), weights=checkpoint, **choices))


def build_one_to_one(folder: Path, text: str, **given: Any) -> Built:
    """The model of a spec without rewrites, in which every weight has its own name."""
    return build(folder, text, optimization=0, **given)


def mistakes(
    folder: Path, text: str, *, weights: Mapping[str, NDArray[Any]] | None = None, **choices: Any
) -> list[archc.Diagnostic]:
    """The errors of a spec that does not build."""
    with pytest.raises(archc.SpecError) as caught:
        build(folder, text, weights=weights, **choices)
    errors = [d for d in caught.value.diagnostics if d.severity.value == "error"]
    assert errors
    return errors


def rules(errors: Sequence[archc.Diagnostic]) -> list[str]:
    """The slugs of the rules that are broken, in order."""
    return [error.rule.slug for error in errors]


def assert_close(found: NDArray[Any], wanted: NDArray[Any], tolerance: float = TOLERANCE) -> None:
    """Demands equal shapes, and differences that are small beside the largest number wanted."""
    assert found.shape == wanted.shape
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    assert np.abs(found.astype(np.float64) - wanted).max(initial=0.0) <= tolerance * scale
