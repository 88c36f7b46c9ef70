"""What a built model takes: several inputs, layouts, element types, and sizes that are fixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import archc
from tests.packages import by_numpy as ref
from tests.packages.building import (
    assert_close,
    build,
    draw_image,
    draw_weights,
    mistakes,
    rules,
    write_spec,
)
from tests.packages.by_numpy import Array

HALF_TOLERANCE = 2e-3
"""Of the largest number wanted: float16 carries three digits."""

CONV = {"conv.weight": (4, 3, 3, 3), "conv.bias": (4,)}
NET = """\
input: {image: {shape: [3, H, W]%s}}
layers:
  conv: {conv: 4, kernel: 3, stride: 2, padding: same}
  act: tanh
  up: {upsample: {size: [$input.height, $input.width]}}
"""


def conv_net(
    image: Array,
) -> Array:
    weights = draw_weights(CONV)
    pads = ref.same_pads(image, (3, 3), (2, 2))
    y = ref.conv(image, weights["conv.weight"], weights["conv.bias"], stride=(2, 2), pads=pads)
    return ref.nearest(np.tanh(y), (image.shape[2], image.shape[3]))


@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (8, 5), (6, 6)])
def test_channels_last_are_taken_as_they_are(
    size: tuple[int, int], opset: int, tmp_path: Path
) -> None:
    model = build(tmp_path, NET % ", layout: nhwc", weights=draw_weights(CONV), opset=opset)
    (taken,) = model.session.get_inputs()
    assert taken.shape == ["N", "H", "W", 3]
    image = draw_image(2, 3, *size)
    (given,) = model.run(image=np.ascontiguousarray(image.transpose(0, 2, 3, 1))).values()
    assert_close(given, conv_net(image.astype(np.float64)))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_bytes_are_cast_where_they_enter(layout: str, tmp_path: Path) -> None:
    spec = NET % f", layout: {layout}, dtype: uint8"
    weights = draw_weights(CONV)
    model = build(tmp_path, spec, weights=weights)
    assert model.session.get_inputs()[0].type == "tensor(uint8)"
    assert {array.dtype for name, array in model.weights.items() if name in weights} == {
        np.dtype(np.float32)
    }
    image = np.random.default_rng(3).integers(0, 256, (2, 3, 7, 6), np.uint8)
    fed = image if layout == "nchw" else np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    (given,) = model.run(image=fed).values()
    assert_close(given, conv_net(image.astype(np.float64)))


def test_half_precision_goes_through_the_whole_network(tmp_path: Path) -> None:
    model = build(tmp_path, NET % ", dtype: float16", weights=draw_weights(CONV))
    assert model.weights["conv.weight"].dtype == np.float16
    image = draw_image(2, 3, 7, 6).astype(np.float16)
    (given,) = model.run(image=image).values()
    assert given.dtype == np.float16
    assert_close(given, conv_net(image.astype(np.float64)), HALF_TOLERANCE)


def test_bytes_as_an_output_are_float_numbers(tmp_path: Path) -> None:
    spec = "input: {image: {shape: [2, H, W], dtype: uint8, layout: nhwc}}\nlayers: []"
    image = np.arange(2 * 3 * 4 * 2, dtype=np.uint8).reshape(2, 3, 4, 2)
    (given,) = build(tmp_path, spec).run(image=image).values()
    assert given.dtype == np.float32
    assert np.array_equal(given, image.transpose(0, 3, 1, 2))


def test_image_and_features_meet(tmp_path: Path) -> None:
    spec = """\
input: {image: [3, H, W], facts: [5], more: {shape: 2, dtype: float16}}
layers:
  conv: {conv: 4, kernel: 3}
  pool: {global_avg_pool: {keep_dims: false}}
  both: {concat: [[], [{dense: 6, from: facts}, relu], {from: facts}]}
  fc: {dense: 2}
outputs: {answer: fc, halves: more}
"""
    weights = draw_weights(
        CONV
        | {"both.1.0.weight": (6, 5), "both.1.0.bias": (6,), "fc.weight": (2, 15), "fc.bias": (2,)}
    )
    image, facts = draw_image(3, 3, 5, 4), draw_image(3, 5)
    more = draw_image(3, 2).astype(np.float16)
    model = build(tmp_path, spec, weights=weights)
    assert [taken.name for taken in model.session.get_inputs()] == ["image", "facts", "more"]
    given = model.run(image=image, facts=facts, more=more)
    pooled = ref.conv(image, weights["conv.weight"], weights["conv.bias"]).mean(axis=(2, 3))
    side = np.maximum(ref.dense(facts, weights["both.1.0.weight"], weights["both.1.0.bias"]), 0)
    both = np.concatenate([pooled, side, facts], axis=1)
    assert_close(given["answer"], ref.dense(both, weights["fc.weight"], weights["fc.bias"]))
    assert given["halves"].dtype == np.float16
    assert np.array_equal(given["halves"], more)


PAIR = """\
input:
  left: {shape: [2, H, W]%s}
  right: {shape: [3, H, W], layout: nhwc, dtype: uint8}
layers:
  left_conv: {conv: 4, kernel: 3, padding: same, stride: 2}
  right_conv: {conv: 4, kernel: 3, padding: same, stride: 2, from: right}
  sum: {add: [[], {from: left_conv}]}
  big: {upsample: {like: right}, mode: bilinear}
  all: {concat: [[], {from: left}, {from: right}]}
"""


@pytest.mark.parametrize("size", [(1, 1), (4, 7), (9, 6)])
def test_two_images_share_their_symbols(size: tuple[int, int], tmp_path: Path) -> None:
    weights = draw_weights(
        {
            "left_conv.weight": (4, 2, 3, 3), "left_conv.bias": (4,),
            "right_conv.weight": (4, 3, 3, 3), "right_conv.bias": (4,),
        }
    )  # fmt: skip
    left = draw_image(2, 2, *size)
    right = np.random.default_rng(5).integers(0, 9, (2, 3, *size), np.uint8)
    model = build(tmp_path, PAIR % "", weights=weights)
    (given,) = model.run(
        left=left, right=np.ascontiguousarray(right.transpose(0, 2, 3, 1))
    ).values()
    pads = ref.same_pads(left, (3, 3), (2, 2))
    total = sum(
        ref.conv(
            image.astype(np.float64), weights[f"{name}.weight"], weights[f"{name}.bias"],
            stride=(2, 2), pads=pads,
        )
        for name, image in (("left_conv", left), ("right_conv", right))
    )  # fmt: skip
    assert isinstance(total, np.ndarray)
    assert_close(given, np.concatenate([ref.bilinear(total, size), left, right], axis=1))


def test_symbols_of_one_input_give_sizes_to_another(tmp_path: Path) -> None:
    spec = """\
input: {small: [2, h, w], large: [1, H, W]}
layers: {up: {upsample: {like: large}}, all: {concat: [[], {from: large}]}}
"""
    small, large = draw_image(2, 2, 3, 5), draw_image(2, 1, 7, 4)
    (given,) = build(tmp_path, spec).run(small=small, large=large).values()
    assert_close(given, np.concatenate([ref.nearest(small, (7, 4)), large], axis=1))


def test_inputs_of_unlike_sizes_do_not_meet(tmp_path: Path) -> None:
    spec = "input: {a: [2, H, W], b: [2, H, V]}\nlayers: [{add: [[], {from: b}]}]"
    assert rules(mistakes(tmp_path, spec)) == ["merge/sizes"]


def test_inputs_of_unlike_element_types_do_not_meet(tmp_path: Path) -> None:
    spec = """\
input: {a: [2, H, W], b: {shape: [2, H, W], dtype: float16}}
layers: [{add: [[], {from: b}]}]
"""
    assert rules(mistakes(tmp_path, spec)) == ["merge/element-types"]


def test_an_input_that_nothing_takes_is_still_asked_for(tmp_path: Path) -> None:
    spec = "input: {image: [1, 2, 2], spare: [3]}\nlayers: [relu]"
    given = build(tmp_path, spec).run(image=draw_image(1, 1, 2, 2), spare=draw_image(1, 3))
    assert list(given) == ["output"]


class TestSizes:
    def test_a_symbol_is_fixed_by_the_caller(self, tmp_path: Path) -> None:
        settings = {"H": 6, "W": 5}
        model = build(tmp_path, NET % "", weights=draw_weights(CONV), settings=settings)
        assert model.session.get_inputs()[0].shape == ["N", 3, 6, 5]
        image = draw_image(1, 3, 6, 5)
        assert_close(model.run(image=image)["output"], conv_net(image.astype(np.float64)))

    def test_one_of_two_symbols_is_fixed(self, tmp_path: Path) -> None:
        model = build(tmp_path, NET % "", weights=draw_weights(CONV), settings={"W": 5})
        assert model.session.get_inputs()[0].shape == ["N", 3, "H", 5]
        image = draw_image(1, 3, 9, 5)
        assert_close(model.run(image=image)["output"], conv_net(image.astype(np.float64)))

    @pytest.mark.parametrize(
        ("size", "is_admitted"), [(6, False), (8, True), (12, True), (16, False)]
    )
    def test_fixed_sizes_are_held_to_where(
        self, size: int, is_admitted: bool, tmp_path: Path
    ) -> None:
        spec = NET % ", where: {H: {min: 8, max: 12, multiple_of: 4}}"
        if is_admitted:
            build(tmp_path, spec, settings={"H": size})
        else:
            assert rules(mistakes(tmp_path, spec, settings={"H": size})) == ["input/not-admitted"]

    def test_sizes_below_what_layers_need_are_refused_at_the_layer(self, tmp_path: Path) -> None:
        spec = "input: {image: [1, H, W]}\nlayers: [{max_pool: 2}, {conv: 1, kernel: 3}]"
        graph = archc.elaborate(write_spec(tmp_path, spec))
        assert graph.domains["H"].first == 6
        assert rules(mistakes(tmp_path, spec, settings={"H": 5})) == ["layer/window-too-large"]
        build(tmp_path, spec, settings={"H": 6})

    @pytest.mark.parametrize("batch", [1, 2, 5])
    def test_the_batch_is_free(self, batch: int, tmp_path: Path) -> None:
        model = build(tmp_path, NET % "", weights=draw_weights(CONV))
        image = draw_image(batch, 3, 4, 4)
        assert_close(model.run(image=image)["output"], conv_net(image.astype(np.float64)))
