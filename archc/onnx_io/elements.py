"""The elements of a tensor that another program wrote as single numbers, not as raw bytes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx

from archc.diagnostics.errors import InternalError
from archc.onnx_io.element_types import DOUBLES, FLOATS, INT64S, INTS, UINT64S, field_of
from archc.onnx_io.model import InitializerDef

_FIELDS: Mapping[int, tuple[str, str]] = {
    FLOATS: ("float_data", "<f4"),
    INTS: ("int32_data", "<i4"),
    INT64S: ("int64_data", "<i8"),
    DOUBLES: ("double_data", "<f8"),
    UINT64S: ("uint64_data", "<u8"),
}


def single_numbers(initializer: InitializerDef) -> npt.NDArray[np.generic]:
    """The numbers of a tensor that is kept as it was written, in C order.

    They are as wide as their field, and float16 and bfloat16 are their bits (onnx.proto,
    TensorProto). They were counted when the tensor was read.

    Raises:
        InternalError: the tensor is not kept so, or its elements are texts.
    """
    field = field_of(initializer.dtype)
    if initializer.encoded is None or field not in _FIELDS:
        raise InternalError(f"`{initializer.name}` is not kept as single numbers")
    name, code = _FIELDS[field]
    tensor = onnx.TensorProto.FromString(initializer.encoded)
    return np.array(getattr(tensor, name), code)
