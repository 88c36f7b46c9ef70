"""Encoders with decoders: what was made small is made large again, and meets what it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import archc
from tests.packages import by_numpy as ref
from tests.packages.building import (
    Arrays,
    assert_close,
    build,
    draw_image,
    draw_weights,
    mistakes,
    rules,
    write_spec,
)
from tests.packages.by_numpy import Array

SIZES = [(8, 8), (9, 8), (11, 13), (10, 7), (4, 5)]
OPSETS = [13, 21]

U_NET = """\
input: {image: {shape: [2, H, W]%s}}
blocks:
  double:
    params: {out: int}
    layers: [{conv: $out, kernel: 3, padding: 1}, relu]
layers:
  encoder: [{double: 3}, {max_pool: 2}, {double: 4}, {max_pool: 2}]
  bottom: {double: 5}
  up1: {conv_transpose: 4, kernel: 2, stride: 2}
  skip1: {concat: [[], {from: encoder.2}]}
  dec1: {double: 4}
  up2: {conv_transpose: 3, kernel: 3, stride: 2, padding: 1, output_padding: 1}
  skip2: {concat: [[], {from: encoder.0}]}
  dec2: {double: 3}
  out: {conv: 1, kernel: 1}
"""
U_WEIGHTS = {
    "encoder.0.0": (3, 2, 3, 3), "encoder.2.0": (4, 3, 3, 3), "bottom.0": (5, 4, 3, 3),
    "up1": (5, 4, 2, 2), "dec1.0": (4, 8, 3, 3), "up2": (4, 3, 3, 3), "dec2.0": (3, 6, 3, 3),
    "out": (1, 3, 1, 1),
}  # fmt: skip


def _u_weights() -> Arrays:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in U_WEIGHTS.items():
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = (shape[1 if name.startswith("up") else 0],)
    return draw_weights(shapes)


def _u_net(x: Array, w: Arrays) -> Array:
    def double(y: Array, name: str) -> Array:
        y = ref.conv(y, w[f"{name}.0.weight"], w[f"{name}.0.bias"], pads=(1, 1, 1, 1))
        return np.maximum(y, 0)

    first = double(x, "encoder.0")
    second = double(ref.max_pool(first, (2, 2)), "encoder.2")
    y = double(ref.max_pool(second, (2, 2)), "bottom")
    y = ref.conv_transpose(y, w["up1.weight"], w["up1.bias"], stride=(2, 2))
    y = double(np.concatenate([y, second], axis=1), "dec1")
    y = ref.conv_transpose(
        y, w["up2.weight"], w["up2.bias"], stride=(2, 2), pads=(1, 1, 1, 1), output_padding=(1, 1)
    )
    y = double(np.concatenate([y, first], axis=1), "dec2")
    return ref.conv(y, w["out.weight"], w["out.bias"])


class TestConcatenatedSkips:
    WHERE = ", where: {H: {multiple_of: 4}, W: {multiple_of: 4}}"

    @pytest.mark.parametrize("opset", OPSETS)
    @pytest.mark.parametrize("size", [(4, 4), (8, 12), (12, 4)])
    def test_sizes_of_the_right_multiple_meet(
        self, size: tuple[int, int], opset: int, tmp_path: Path
    ) -> None:
        weights = _u_weights()
        model = build(tmp_path, U_NET % self.WHERE, weights=weights, opset=opset)
        image = draw_image(2, 2, *size)
        assert_close(model.run(image=image)["output"], _u_net(image, weights))

    def test_sizes_that_meet_on_some_inputs_alone_are_refused_with_the_where_to_write(
        self, tmp_path: Path
    ) -> None:
        (error,) = mistakes(tmp_path, U_NET % "")
        assert error.rule.slug == "merge/sizes"
        assert "multiple_of" in "".join(error.helps)

    def test_a_multiple_that_is_too_small_is_refused(self, tmp_path: Path) -> None:
        where = ", where: {H: {multiple_of: 4}, W: {multiple_of: 2}}"
        assert rules(mistakes(tmp_path, U_NET % where)) == ["merge/sizes"]

    def test_fixed_sizes_are_compared_as_numbers(self, tmp_path: Path) -> None:
        build(tmp_path, U_NET % "", settings={"H": 8, "W": 4})
        assert rules(mistakes(tmp_path, U_NET % "", settings={"H": 8, "W": 6})) == ["merge/sizes"]

    def test_remainders_serve_as_well(self, tmp_path: Path) -> None:
        spec = """\
input: {image: {shape: [1, S, S], where: {S: {multiple_of: 2, remainder: 1}}}}
layers:
  a: {max_pool: 3, stride: 2, padding: 1}
  b: {conv_transpose: 1, kernel: 3, stride: 2, padding: 1, bias: false, init: 0.5}
  c: {add: [[], {from: image}]}
"""
        image = draw_image(2, 1, 7, 7)
        pooled = ref.max_pool(image, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1))
        kernel = np.full((1, 1, 3, 3), 0.5)
        large = ref.conv_transpose(pooled, kernel, stride=(2, 2), pads=(1, 1, 1, 1))
        assert_close(build(tmp_path, spec).run(image=image)["output"], large + image)
        assert rules(mistakes(tmp_path, spec.replace("remainder: 1", "remainder: 0"))) == [
            "merge/sizes"
        ]


class TestSkipsOfAnySize:
    PYRAMID = """\
input: {image: [2, H, W]}
layers:
  c1: {conv: 3, kernel: 3, stride: 2, padding: same}
  c2: {conv: 3, kernel: 5, stride: 3, padding: same}
  c3: {conv: 3, kernel: 3, stride: 2, dilation: 2, padding: same}
  p2: {add: [[{upsample: {like: c2}}], {from: c2}]}
  p1: {add: [[{upsample: {like: c1}, mode: bilinear}], {from: c1}]}
  p0: {upsample: {size: [$input.height, $input.width]}, mode: bilinear, align_corners: true}
  last: {concat: [[], {from: input}]}
outputs: {last: last, middle: p1}
"""

    @pytest.mark.parametrize("opset", OPSETS)
    @pytest.mark.parametrize("size", [*SIZES, (1, 1), (23, 18)])
    def test_a_pyramid_is_added_up(self, size: tuple[int, int], opset: int, tmp_path: Path) -> None:
        w = draw_weights(
            {
                "c1.weight": (3, 2, 3, 3), "c2.weight": (3, 3, 5, 5), "c3.weight": (3, 3, 3, 3),
                "c1.bias": (3,), "c2.bias": (3,), "c3.bias": (3,),
            }
        )  # fmt: skip
        image = draw_image(2, 2, *size)
        c1, c2, c3 = _same_convs(image, w)
        p2 = ref.nearest(c3, (c2.shape[2], c2.shape[3])) + c2
        p1 = ref.bilinear(p2, (c1.shape[2], c1.shape[3])) + c1
        p0 = ref.bilinear(p1, size, align_corners=True)
        given = build(tmp_path, self.PYRAMID, weights=w, opset=opset).run(image=image)
        assert_close(given["middle"], p1)
        assert_close(given["last"], np.concatenate([p0, image], axis=1))

    SEG_NET = """\
input: {image: [2, H, W]}
layers:
  encoder:
    layers: {c1: {conv: 3, kernel: 3, padding: 1}, pool1: {max_pool: 2}, act: tanh,
             pool2: {max_pool: 3, stride: 2, padding: same}}
  middle: {conv: 3, kernel: 1}
  decoder:
    layers: {up2: {max_unpool: encoder.pool2}, c2: {conv: 3, kernel: 3, padding: 1},
             up1: {max_unpool: encoder.pool1}}
  sum: {add: [[], {from: encoder.c1}]}
"""

    @pytest.mark.parametrize("opset", OPSETS)
    @pytest.mark.parametrize("size", [*SIZES, (2, 2), (2, 3)])
    def test_maxima_are_put_back_into_the_size_they_came_from(
        self, size: tuple[int, int], opset: int, tmp_path: Path
    ) -> None:
        w = draw_weights(
            {
                "encoder.c1.weight": (3, 2, 3, 3), "encoder.c1.bias": (3,),
                "middle.weight": (3, 3, 1, 1), "middle.bias": (3,),
                "decoder.c2.weight": (3, 3, 3, 3), "decoder.c2.bias": (3,),
            }
        )  # fmt: skip
        image = draw_image(2, 2, *size)
        c1 = ref.conv(image, w["encoder.c1.weight"], w["encoder.c1.bias"], pads=(1, 1, 1, 1))
        act = np.tanh(ref.max_pool(c1, (2, 2)))
        pads = ref.same_pads(act, (3, 3), (2, 2))
        y = ref.max_pool(act, (3, 3), stride=(2, 2), pads=pads)
        y = ref.conv(y, w["middle.weight"], w["middle.bias"])
        y = ref.max_unpool(y, act, (3, 3), (2, 2), pads)
        y = ref.conv(y, w["decoder.c2.weight"], w["decoder.c2.bias"], pads=(1, 1, 1, 1))
        y = ref.max_unpool(y, c1, (2, 2), (2, 2), ref.NONE)
        given = build(tmp_path, self.SEG_NET, weights=w, opset=opset).run(image=image)
        assert_close(given["output"], y + c1)

    def test_the_smallest_size_is_that_of_the_pools(self, tmp_path: Path) -> None:
        graph = archc.elaborate(write_spec(tmp_path, self.SEG_NET))
        assert {name: domain.first for name, domain in graph.domains.items()} == {"H": 2, "W": 2}


def _same_convs(image: Array, w: Arrays) -> tuple[Array, Array, Array]:
    found = []
    for name, kernel, stride, dilation in (("c1", 3, 2, 1), ("c2", 5, 3, 1), ("c3", 3, 2, 2)):
        windows = ((kernel, kernel), (stride, stride), (dilation, dilation))
        image = ref.conv(
            image, w[f"{name}.weight"], w[f"{name}.bias"], stride=windows[1],
            pads=ref.same_pads(image, *windows), dilation=windows[2],
        )  # fmt: skip
        found.append(image)
    first, second, third = found
    return first, second, third


def test_skips_reach_through_blocks_and_merges(tmp_path: Path) -> None:
    spec = """\
input: {image: [2, H, W]}
blocks:
  around:
    params: {skip: str}
    layers: {half: {avg_pool: 2, ceil: true}, back: {upsample: {like: $skip}},
             sum: {add: [[], {from: $skip}, {from: input}]}}
layers:
  first: {multiply: 2}
  both:
    concat:
      - {left: {around: first}}
      - [{around: input}, abs]
"""
    image = draw_image(2, 2, 5, 6)
    first = 2 * image
    half = ref.avg_pool(first, (2, 2), ceil=True)
    back = ref.nearest(half, (5, 6))
    # `input` as an argument is looked up where it was written: at the root.
    wanted = np.concatenate([back + first + first, np.abs(back + image + first)], axis=1)
    assert_close(build(tmp_path, spec).run(image=image)["output"], wanted)
