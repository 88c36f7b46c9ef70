"""The element types of model files, and where a tensor holds elements as single numbers."""

from __future__ import annotations

from collections.abc import Mapping

from archc.onnx_io.model import ELEMENT_TYPES, OtherType, ValueType

FLOATS, INTS, STRINGS, INT64S, DOUBLES, UINT64S = 4, 5, 6, 7, 10, 11
"""The fields of a TensorProto for elements as single numbers or texts (onnx.proto)."""

STRING_CODE = 8
"""The TensorProto.DataType of texts."""

OTHER_TYPES: Mapping[int, OtherType] = {
    kind.code: kind
    for kind in (
        OtherType("int8", 3, 8),
        OtherType("uint16", 4, 16),
        OtherType("int16", 5, 16),
        OtherType("int32", 6, 32),
        OtherType("string", STRING_CODE, 0),
        OtherType("bool", 9, 8),
        OtherType("float64", 11, 64),
        OtherType("uint32", 12, 32),
        OtherType("uint64", 13, 64),
        OtherType("complex64", 14, 64),
        OtherType("complex128", 15, 128),
        OtherType("bfloat16", 16, 16),
        OtherType("float8_e4m3fn", 17, 8),
        OtherType("float8_e4m3fnuz", 18, 8),
        OtherType("float8_e5m2", 19, 8),
        OtherType("float8_e5m2fnuz", 20, 8),
        OtherType("uint4", 21, 4),
        OtherType("int4", 22, 4),
        OtherType("float4_e2m1", 23, 4),
        OtherType("float8_e8m0", 24, 8),
        OtherType("uint2", 25, 2),
        OtherType("int2", 26, 2),
    )
}
"""The element types of ONNX that no layer has (onnx.proto, TensorProto.DataType)."""

_OWN_TYPES = {code: dtype for dtype, code in ELEMENT_TYPES.items()}


def value_type(code: int) -> ValueType:
    """The element type of this TensorProto.DataType; one of no known length for any other."""
    own = _OWN_TYPES.get(code)
    return own or OTHER_TYPES.get(code) or OtherType(f"type {code}", code, 0)


def field_of(kind: ValueType) -> int:
    """The field that holds elements of this type as single numbers (onnx.proto, TensorProto)."""
    match kind.value:
        case "float32" | "complex64":
            return FLOATS
        case "float64" | "complex128":
            return DOUBLES
        case "int64":
            return INT64S
        case "uint32" | "uint64":
            return UINT64S
        case "string":
            return STRINGS
        case _:
            return INTS
