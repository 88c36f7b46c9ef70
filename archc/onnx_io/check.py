"""Checks of a written model by the reference implementation of ONNX: structure and shapes.

They look at the graph alone, with weights as further inputs: the checks then cost milliseconds for
a model of any size, where whole models cost seconds and fail from 2 GiB on.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import onnx
from onnx import checker, shape_inference

from archc.diagnostics.errors import InternalError
from archc.onnx_io.reader import read_structure

Dims = tuple[int | str | None, ...]
"""The sizes of a value: numbers, names, or None where nothing is known."""


def check_model(model: Path | bytes) -> dict[str, Dims]:
    """The sizes of every value that ONNX infers, once the model passes its full check.

    The check demands that operators exist in the opset, that types and shapes follow, and that
    the shapes declared for outputs agree with what is inferred (onnx.checker, `full_check`;
    onnx.shape_inference, `strict_mode`).

    Raises:
        OSError: the file cannot be read.
        InternalError: the model does not pass.
    """
    structure = read_structure(model)
    try:
        checker.check_model(structure, full_check=True)
        inferred = shape_inference.infer_shapes(
            onnx.load_model_from_string(structure),
            check_type=True,
            strict_mode=True,
            data_prop=True,
        )
    except (checker.ValidationError, shape_inference.InferenceError) as e:
        raise InternalError(f"the model that was written is no valid ONNX: {e}") from e
    return _dims(inferred)


def inferred_types(model: Path | bytes) -> dict[str, Dims]:
    """The sizes of every value as ONNX infers them, those declared for outputs left aside.

    Raises:
        OSError: the file cannot be read.
        InternalError: a shape does not follow.
    """
    proto = onnx.load_model_from_string(read_structure(model))
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = shape_inference.infer_shapes(
            proto, check_type=True, strict_mode=True, data_prop=True
        )
    except shape_inference.InferenceError as e:
        raise InternalError(f"ONNX cannot infer the shapes of the model: {e}") from e
    return _dims(inferred)


def value_types(model: Path | bytes) -> dict[str, tuple[int, Dims | None]]:
    """The TensorProto.DataType and the sizes of every value, as far as ONNX can infer them.

    Those declared for outputs are left aside. Where a model has operators that ONNX does not know,
    what follows from them is missing.

    Raises:
        OSError: the file cannot be read.
    """
    proto = onnx.load_model_from_string(read_structure(model))
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    # Else what is declared is all there is.
    with suppress(shape_inference.InferenceError, RuntimeError, ValueError):
        proto = shape_inference.infer_shapes(proto, data_prop=True)
    dims = _dims(proto)
    return {
        value.name: (value.type.tensor_type.elem_type, dims.get(value.name))
        for value in _values(proto.graph)
        if value.type.HasField("tensor_type")
    }


def _dims(model: onnx.ModelProto) -> dict[str, Dims]:
    graph = model.graph
    return {
        value.name: tuple(_size(dim) for dim in value.type.tensor_type.shape.dim)
        for value in _values(graph)
        if value.type.tensor_type.HasField("shape")
    }


def _values(graph: onnx.GraphProto) -> Iterable[onnx.ValueInfoProto]:
    return (*graph.input, *graph.value_info, *graph.output)


def _size(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None
