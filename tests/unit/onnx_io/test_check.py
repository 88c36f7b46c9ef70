"""The checker finds what is wrong, and gives what ONNX infers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archc.diagnostics.errors import InternalError
from archc.onnx_io.check import check_model, inferred_types
from archc.onnx_io.model import NodeDef, ValueDef
from archc.shapes.tensor_type import DType
from tests.unit.onnx_io.building import conv_model, written


def test_types_are_inferred_for_every_value() -> None:
    types = check_model(written(conv_model(c_out=7)))
    assert types["image"] == ("N", 3, 8, 8)
    assert types["stem.conv"] == ("N", 7, 8, 8)
    assert types["output"] == ("N", 7, 8, 8)


def test_what_is_declared_for_outputs_does_not_count_as_inferred() -> None:
    model = conv_model()
    wrong = replace(model, outputs=(ValueDef("output", DType.FLOAT32, ("N", 4, "H", "W")),))
    assert inferred_types(written(wrong))["output"] == ("N", 4, 8, 8)


def test_a_wrong_output_shape_is_refused() -> None:
    model = conv_model()
    wrong = replace(model, outputs=(ValueDef("output", DType.FLOAT32, ("N", 5, 8, 8)),))
    with pytest.raises(InternalError, match="no valid ONNX"):
        check_model(written(wrong))


def test_operators_that_do_not_exist_or_do_not_fit_are_refused() -> None:
    model = conv_model()
    for node in (
        NodeDef("Convolve", "n", ("image",), ("output",)),
        NodeDef("Relu", "n", ("nothing",), ("output",)),
        NodeDef("Gelu", "n", ("image",), ("output",)),
    ):
        with pytest.raises(InternalError, match="no valid ONNX"):
            check_model(written(replace(model, nodes=(node,))))
    flat = NodeDef("Flatten", "f", ("image",), ("output",), {"axis": 9})
    with pytest.raises(InternalError, match="cannot infer"):
        inferred_types(written(replace(model, nodes=(flat,))))
