"""Depth to space and back, and the channel shuffle: values, inverses, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archc.graph.layer import Layer
from archc.layers.rearrangement import ChannelShuffle, DepthToSpace, SpaceToDepth
from archc.shapes.domain import Domain
from archc.shapes.size import floor_div, scale, symbol
from archc.shapes.tensor_type import DType, TensorType
from tests.layers.one_layer import infer_layer, run_layer, type_of

H, W = symbol("H"), symbol("W")


def normal(*sizes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=sizes).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 2),
    c=st.integers(1, 3),
    h=st.integers(1, 4),
    w=st.integers(1, 4),
    factor=st.integers(1, 3),
    symbolic=st.booleans(),
)
def test_positions_come_from_channels_that_stand_together(
    *, n: int, c: int, h: int, w: int, factor: int, symbolic: bool
) -> None:
    x = normal(n, c * factor**2, h, w)
    ran = run_layer(DepthToSpace(factor=factor), x, symbolic=symbolic)
    for i in range(factor):
        for j in range(factor):
            expected = x[:, i * factor + j :: factor**2]
            assert np.array_equal(ran.output[:, :, i::factor, j::factor], expected)
    if symbolic:
        assert ran.type.sizes == (c, scale(H, factor), scale(W, factor))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 2),
    c=st.integers(1, 3),
    h=st.integers(1, 4),
    w=st.integers(1, 4),
    factor=st.integers(1, 3),
    symbolic=st.booleans(),
)
def test_space_to_depth_undoes_depth_to_space(
    *, n: int, c: int, h: int, w: int, factor: int, symbolic: bool
) -> None:
    x = normal(n, c, h * factor, w * factor)
    where = {name: Domain(multiple_of=factor) for name in "HW"}
    deep = run_layer(SpaceToDepth(factor=factor), x, symbolic=symbolic, where=where)
    assert deep.type.sizes[0] == c * factor**2
    back = run_layer(DepthToSpace(factor=factor), deep.output.astype(np.float32))
    assert np.array_equal(back.output, x)


def test_space_to_depth_of_symbols_wants_them_divisible() -> None:
    x = TensorType.image(DType.FLOAT32, 3, H, W)
    _, check = infer_layer(SpaceToDepth(factor=2), x, domains={"H": Domain(multiple_of=2)})
    assert [(e.rule, e.message, e.at) for e in check.errors] == [
        ("space_to_depth/sizes", "`factor: 2` does not divide the width W", "factor")
    ]
    domains = {"H": Domain(multiple_of=4), "W": Domain(multiple_of=2)}
    found, check = infer_layer(SpaceToDepth(factor=2), x, domains=domains)
    assert check.errors == []
    expected = TensorType.image(DType.FLOAT32, 12, floor_div(H, 2), floor_div(W, 2))
    assert found == expected


@settings(max_examples=40, deadline=None)
@given(
    groups=st.integers(1, 4),
    each=st.integers(1, 4),
    spatial=st.sampled_from([(), (2, 3)]),
    symbolic=st.booleans(),
)
def test_a_shuffle_deals_the_groups_out(
    groups: int, each: int, spatial: tuple[int, ...], symbolic: bool
) -> None:
    x = normal(2, groups * each, *spatial)
    ran = run_layer(ChannelShuffle(groups=groups), x, symbolic=symbolic)
    parts = x.reshape(2, groups, each, *spatial).swapaxes(1, 2)
    assert np.array_equal(ran.output, parts.reshape(x.shape))


def test_what_does_not_divide_is_reported() -> None:
    x = type_of(np.zeros((1, 6, 4, 5), np.float32))
    _, check = infer_layer(DepthToSpace(factor=2), x)
    assert [(e.rule, e.message, e.at) for e in check.errors] == [
        (
            "depth_to_space/channels",
            "`factor: 2` makes blocks of 4, but the input has 6 channels",
            "factor",
        )
    ]
    _, check = infer_layer(SpaceToDepth(factor=2), x)
    assert check.errors[0].message == "`factor: 2` does not divide the width 5"
    _, check = infer_layer(ChannelShuffle(groups=4), x)
    assert [(e.rule, e.message) for e in check.errors] == [
        ("channel_shuffle/groups", "`groups: 4` does not divide 6 channels")
    ]


@pytest.mark.parametrize("layer", [DepthToSpace(factor=1), SpaceToDepth(factor=1)])
def test_only_images_have_blocks(layer: Layer) -> None:
    _, check = infer_layer(layer, TensorType.vector(DType.FLOAT32, 4))
    assert check.rules == ["layer/needs-image"]


@pytest.mark.parametrize("layer", [SpaceToDepth(factor=1), ChannelShuffle(groups=1)])
def test_a_symbolic_number_of_channels_is_reported(layer: Layer) -> None:
    _, check = infer_layer(layer, TensorType.image(DType.FLOAT32, H, 4, 4))
    assert check.rules == ["layer/channels-unknown"]


@pytest.mark.parametrize("layer", [DepthToSpace, SpaceToDepth, ChannelShuffle])
@pytest.mark.parametrize("value", [0, -2, 2.0, True, (2, 2)])
def test_wrong_arguments_are_refused(layer: type[Layer], value: object) -> None:
    (name,) = layer.model_fields
    with pytest.raises(ValidationError):
        layer.model_validate({name: value})


@pytest.mark.oracle
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_values_are_those_of_torch(factor: int) -> None:
    import torch

    x = torch.from_numpy(normal(2, 2 * factor**2, 3 * factor, 2 * factor))
    functions = torch.nn.functional
    for layer, expected in [
        (DepthToSpace(factor=factor), functions.pixel_shuffle(x, factor)),
        (SpaceToDepth(factor=factor), functions.pixel_unshuffle(x, factor)),
        (ChannelShuffle(groups=factor), functions.channel_shuffle(x, factor)),
    ]:
        assert np.array_equal(run_layer(layer, x.numpy()).output, expected.numpy())
