"""Weights that several layers share, and weights that are drawn because none are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.packages import by_numpy as ref
from tests.packages.building import (
    assert_close,
    build,
    build_one_to_one,
    draw_image,
    draw_weights,
)
from tests.packages.by_numpy import Array

IMAGE = draw_image(2, 2, 5, 4)
NET = """\
input: {image: [2, H, W]}
layers: {conv: {conv: 3, kernel: 3}, bn: batch_norm, last: {conv: 4, kernel: 1}}
"""


class TestSharedWeights:
    def test_a_layer_uses_the_weights_of_another(self, tmp_path: Path) -> None:
        spec = """\
input: {image: [2, H, W]}
layers:
  a: {conv: 2, kernel: 3, padding: 1}
  mid: tanh
  b: {conv: 2, kernel: 3, padding: 1, weights: a}
expect: {parameters: 38}
"""
        w = draw_weights({"a.weight": (2, 2, 3, 3), "a.bias": (2,)})
        model = build(tmp_path, spec, weights=w)
        assert list(model.weights) == ["a.weight", "a.bias"]
        once = ref.conv(IMAGE, w["a.weight"], w["a.bias"], pads=(1, 1, 1, 1))
        twice = ref.conv(np.tanh(once), w["a.weight"], w["a.bias"], pads=(1, 1, 1, 1))
        assert_close(model.run(image=IMAGE)["output"], twice)

    def test_towers_share_all_their_layers(self, tmp_path: Path) -> None:
        spec = """\
input: {left: [2, H, W], right: [2, H, W]}
blocks:
  tower:
    layers:
      conv: {conv: 3, kernel: 3, padding: 1, bias: false}
      rest: [{batch_norm: {eps: 1e-3}}, prelu]
      out: {layers: {fc: {conv: 2, kernel: 1}}}
layers:
  one: tower
  two: {tower, from: right, weights: one}
  three: {tower, from: left, weights: two}
  all: {concat: [{from: one}, {from: two}, {from: three}]}
expect: {parameters: 71}
"""
        shapes = {
            "one.conv.weight": (3, 2, 3, 3), "one.rest.0.weight": (3,), "one.rest.0.bias": (3,),
            "one.rest.0.running_mean": (3,), "one.rest.0.running_var": (3,),
            "one.rest.1.weight": (3,), "one.out.fc.weight": (2, 3, 1, 1), "one.out.fc.bias": (2,),
        }  # fmt: skip
        w = draw_weights(shapes)
        left, right = draw_image(1, 2, 4, 4), draw_image(1, 2, 4, 4, seed=9)
        model = build(tmp_path, spec, weights=w)
        assert {n for n in model.weights if n.startswith(("two.", "three."))} & {
            f"{tower}.{name.removeprefix('one.')}" for tower in ("two", "three") for name in shapes
        } == set()
        size_bytes = sum(array.nbytes for array in w.values())
        assert len(model.content) < 2 * size_bytes + 6000

        def tower(x: Array) -> Array:
            y = ref.conv(x, w["one.conv.weight"], pads=(1, 1, 1, 1))
            y = ref.batch_norm(
                y, w["one.rest.0.running_mean"], w["one.rest.0.running_var"],
                w["one.rest.0.weight"], w["one.rest.0.bias"], eps=1e-3,
            )  # fmt: skip
            y = np.where(y < 0, y * ref.along(w["one.rest.1.weight"], y), y)
            return ref.conv(y, w["one.out.fc.weight"], w["one.out.fc.bias"])

        wanted = np.concatenate([tower(left), tower(right), tower(left)], axis=1)
        assert_close(model.run(left=left, right=right)["output"], wanted)

    def test_a_scope_uses_the_weights_of_a_scope(self, tmp_path: Path) -> None:
        spec = """\
input: {image: [2, H, W]}
layers:
  a: [{conv: 2, kernel: 1, bias: false}, {add: [[prelu], []]}]
  b: {layers: [{conv: 2, kernel: 1, bias: false}, {add: [[prelu], []]}], weights: a}
"""
        w = draw_weights({"a.0.weight": (2, 2, 1, 1), "a.1.0.0.weight": (2,)})
        model = build(tmp_path, spec, weights=w)
        x: Array = IMAGE
        for _ in range(2):
            x = ref.conv(x, w["a.0.weight"])
            x = x + np.where(x < 0, x * ref.along(w["a.1.0.0.weight"], x), x)
        assert_close(model.run(image=IMAGE)["output"], x)

    def test_one_array_serves_two_element_types(self, tmp_path: Path) -> None:
        spec = """\
input: {image: [2, H, W], half: {shape: [2, H, W], dtype: float16}}
layers:
  a: {conv: 2, kernel: 1, bias: false}
  b: {conv: 2, kernel: 1, bias: false, from: half, weights: a}
outputs: {whole: a, half_of_it: b}
expect: {parameters: 4}
"""
        w = draw_weights({"a.weight": (2, 2, 1, 1)})
        given = build(tmp_path, spec, weights=w).run(image=IMAGE, half=IMAGE.astype(np.float16))
        assert_close(given["whole"], ref.conv(IMAGE, w["a.weight"]))
        assert given["half_of_it"].dtype == np.float16
        assert_close(given["half_of_it"], ref.conv(IMAGE, w["a.weight"]), 2e-3)

    def test_weights_are_kept_whose_owner_no_output_needs(self, tmp_path: Path) -> None:
        spec = """\
input: {image: [2, H, W]}
layers: {a: {conv: 2, kernel: 1}, b: {conv: 2, kernel: 1, weights: a, from: image}}
outputs: {y: b}
"""
        w = draw_weights({"a.weight": (2, 2, 1, 1), "a.bias": (2,)})
        given = build(tmp_path, spec, weights=w).run(image=IMAGE)["y"]
        assert_close(given, ref.conv(IMAGE, w["a.weight"], w["a.bias"]))


class TestDrawnWeights:
    def test_a_spec_with_nothing_to_load_counts_as_trained(self, tmp_path: Path) -> None:
        spec = "input: {image: [2, H, W]}\nlayers: [{conv: {values: [[1, 2]]}}, {multiply: 2}]"
        model = build(tmp_path, spec)
        assert model.metadata["archc.trained"] == "true"
        assert "archc.seed" not in model.metadata
        empty = {"0.num_batches_tracked": np.array(3, np.int64)}
        assert build(tmp_path, spec, weights=empty).content == model.content

    def test_seeds_decide_the_weights(self, tmp_path: Path) -> None:
        one, again, other = (build(tmp_path, NET, seed=seed) for seed in (1, 1, 2))
        assert one.content == again.content
        assert not np.array_equal(one.weights["last.weight"], other.weights["last.weight"])
        assert (one.metadata["archc.seed"], other.metadata["archc.seed"]) == ("1", "2")
        assert one.metadata["archc.weights_digest"] != other.metadata["archc.weights_digest"]

    def test_drawn_weights_are_as_their_init_says(self, tmp_path: Path) -> None:
        spec = """\
input: {image: [64, H, W]}
layers:
  he: {conv: 128, kernel: 3, bias: false}
  glorot: {conv: 64, kernel: 3, init: glorot_uniform}
  ones: {depthwise_conv: 3, init: ones}
  number: {conv_transpose: 4, kernel: 1, init: 0.25}
  bn: batch_norm
  slope: prelu
  factor: {scale: 0.5}
"""
        drawn = build_one_to_one(tmp_path, spec).weights
        deviation = np.sqrt(2 / (64 * 9))
        assert drawn["he.weight"].std() == pytest.approx(deviation, rel=0.02)
        bound = np.sqrt(6 / (128 * 9 + 64 * 9))
        assert np.abs(drawn["glorot.weight"]).max() <= bound
        assert drawn["glorot.weight"].std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
        constants = {
            "glorot.bias": 0, "ones.weight": 1, "ones.bias": 0, "number.weight": 0.25,
            "number.bias": 0, "bn.weight": 1, "bn.bias": 0, "bn.running_mean": 0,
            "bn.running_var": 1, "slope.weight": 0.25, "factor.weight": 0.5,
        }  # fmt: skip
        for name, value in constants.items():
            assert np.all(drawn[name] == value), name
