from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from archc.graph.layer import Layer
from archc.layers.adaptive_pooling import AdaptiveAvgPool
from archc.layers.arguments import Sides, sides
from archc.layers.batch_normalization import BatchNorm
from archc.layers.convolution import Conv
from archc.layers.dense import Dense
from archc.layers.normalization import GroupNorm, LocalResponseNorm
from archc.layers.pooling import AvgPool, MaxPool
from archc.layers.scaling import Multiply, Normalize
from archc.layers.transposed_convolution import ConvTranspose


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        (0, Sides(0, 0, 0, 0)),
        ("valid", Sides(0, 0, 0, 0)),
        (2, Sides(2, 2, 2, 2)),
        ((1, 2), Sides(top=1, left=2, bottom=1, right=2)),
        ((1, 2, 3, 4), Sides(top=1, left=2, bottom=3, right=4)),
        ("same", None),
    ],
)
def test_padding_means_four_sides_or_follows_from_the_input(
    padding: Any, expected: Sides | None
) -> None:
    assert sides(padding) == expected


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Conv, {"out": 0, "kernel": 3}),
        (Conv, {"out": 8, "kernel": 0}),
        (Conv, {"out": 8, "kernel": (3, 3, 3)}),
        (Conv, {"out": 8, "kernel": 3, "padding": -1}),
        (Conv, {"out": 8, "kernel": 3, "padding": (1, 2, 3)}),
        (Conv, {"out": 8, "kernel": 3, "padding": "full"}),
        (Conv, {"out": 8, "kernel": 3, "stride": True}),
        (Conv, {"out": 8, "kernel": 3, "bias": 1}),
        (Conv, {"out": 8, "kernel": 3, "init": "he"}),
        (Conv, {"out": 8, "kernel": 3, "filters": 8}),
        (Conv, {"out": 2**31, "kernel": 3}),
        (Conv, {"values": (1, 2, 3)}),
        (Conv, {"values": ((1.0, float("nan")),)}),
        (ConvTranspose, {"out": 8}),
        (ConvTranspose, {"out": 8, "kernel": 3, "output_padding": -1}),
        (Dense, {}),
        (Dense, {"out": 1.5}),
        (BatchNorm, {"eps": -1.0}),
        (BatchNorm, {"momentum": 1.5}),
        (GroupNorm, {}),
        (LocalResponseNorm, {"size": 0}),
        (Multiply, {"by": float("inf")}),
        (Normalize, {"std": 0}),
        (Normalize, {"std": (1, 0)}),
        (MaxPool, {"kernel": 2, "stride": 0}),
        (AvgPool, {"kernel": 2, "dilation": 2}),
        (AdaptiveAvgPool, {"size": 0}),
    ],
)
def test_arguments_out_of_bounds_are_refused(kind: type[Layer], arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind(**arguments)


def test_whole_numbers_are_numbers() -> None:
    assert BatchNorm(eps=1).eps == 1
    assert Multiply(by=(1, 2)).by == (1, 2)
    assert Conv(values=((1, 2), (3, 4))).values == ((1, 2), (3, 4))
    assert Dense(out=1, init=0).init == 0


def test_principal_argument_is_the_first_field() -> None:
    principals: dict[type[Layer], str] = {
        Conv: "out",
        ConvTranspose: "out",
        Dense: "out",
        GroupNorm: "groups",
        LocalResponseNorm: "size",
        Multiply: "by",
        MaxPool: "kernel",
        AvgPool: "kernel",
        AdaptiveAvgPool: "size",
    }
    assert {kind: next(iter(kind.model_fields)) for kind in principals} == principals
