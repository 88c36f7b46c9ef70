"""Dropout and stochastic depth: nothing at inference."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from archc.layers.dropout import Dropout, StochasticDepth
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer

KINDS = [Dropout, StochasticDepth]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0, 0.5, 1])
def test_nothing_happens_at_inference(kind: type[Dropout | StochasticDepth], rate: float) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    ran = run_layer(kind(rate=rate), x, symbolic=True)
    assert np.array_equal(ran.output, x)
    assert ran.ops in ([], ["Identity"])
    assert kind.is_inert


@pytest.mark.parametrize("kind", KINDS)
def test_any_element_type_passes(kind: type[Dropout | StochasticDepth]) -> None:
    x = TensorType.vector(DType.INT64, 3)
    found, check = infer_layer(kind(rate=0.1), x)
    assert (found, check.errors) == (x, [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", [{}, {"rate": -0.1}, {"rate": 1.5}, {"rate": "half"}])
def test_wrong_arguments_are_refused(
    kind: type[Dropout | StochasticDepth], arguments: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(arguments)
