"""Networks of layers that slide over the image, or give it another size."""

from __future__ import annotations

import numpy as np

from tests.packages import by_numpy as ref
from tests.packages.by_numpy import ACTIVATIONS, Array
from tests.packages.network import Network, Weights


def _convolutions(x: Array, w: Weights) -> Array:
    pads = ref.same_pads(x, (3, 3), (2, 2))
    x = ref.conv(x, w["a.weight"], w["a.bias"], stride=(2, 2), pads=pads)
    x = ref.conv(x, w["b.weight"], w["b.bias"], pads=(1, 0, 0, 0), dilation=(2, 1), groups=2)
    return ref.conv(x, w["c.weight"], groups=6)


def _dilated_same(x: Array, w: Weights) -> Array:
    for name, kernel, stride, dilation in (
        ("0", (3, 3), (3, 3), (2, 2)), ("1", (3, 3), (1, 1), (2, 2)), ("2", (2, 5), (2, 1), (1, 1)),
        ("3", (1, 1), (3, 2), (1, 1)),
    ):  # fmt: skip
        pads = ref.same_pads(x, kernel, stride, dilation)
        x = ref.conv(x, w[f"{name}.weight"], stride=stride, pads=pads, dilation=dilation)
    return x


def _transposed(x: Array, w: Weights) -> Array:
    x = ref.conv_transpose(x, w["a.weight"], w["a.bias"], pads=(2, 2, 2, 2))
    x = ref.conv_transpose(
        x, w["b.weight"], w["b.bias"], stride=(2, 2), pads=(1, 1, 1, 1), output_padding=(1, 1)
    )
    x = ref.conv_transpose_same(x, w["c.weight"], w["c.bias"], (3, 2))
    return ref.conv_transpose(x, w["d.weight"], pads=(1, 2, 1, 2), dilation=(1, 2), groups=2)


def _fixed_kernels(x: Array, w: Weights) -> Array:
    edge = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    two = np.array([[[1.0, 2]], [[3, 4]]])
    four = np.array([[[[1.0]], [[-1]]], [[[2]], [[0.5]]], [[[0]], [[1]]]])
    x = ref.conv(x, np.broadcast_to(edge, (2, 2, 3, 3)), pads=(1, 1, 1, 1), groups=2)
    x = ref.conv(x, np.repeat(two[:, None], 2, axis=1))
    x = ref.conv(x, four)
    return ref.conv(x, np.broadcast_to(edge, (6, 1, 3, 3)), pads=(1, 1, 1, 1), groups=3)


def _pools(x: Array, w: Weights) -> Array:
    x = ref.max_pool(x, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1))
    x = ref.avg_pool(x, (2, 3), stride=(1, 1), pads=(1, 1, 1, 1), include_pad=False)
    x = ref.max_pool(x, (2, 2), stride=(1, 1), dilation=(2, 1))
    x = ref.avg_pool(x, (2, 2), pads=(0, 1, 1, 0))
    pads = ref.same_pads(x, (3, 3), (2, 2))
    x = ref.max_pool(x, (3, 3), stride=(2, 2), pads=pads)
    pads = ref.same_pads(x, (3, 2), (1, 1))
    return ref.avg_pool(x, (3, 2), stride=(1, 1), pads=pads, include_pad=False)


def _ceilings(x: Array, w: Weights) -> Array:
    pads = (1, 1, 1, 1)
    branches = [
        ref.max_pool(x, (3, 3), stride=(2, 2), pads=pads, ceil=True),
        ref.avg_pool(x, (3, 3), stride=(2, 2), pads=pads, ceil=True),
        ref.avg_pool(x, (3, 3), stride=(2, 2), pads=pads, ceil=True, include_pad=False),
    ]
    return ref.max_pool(np.concatenate(branches, axis=1), (1, 2), stride=(3, 2), ceil=True)


def _pads(x: Array, w: Weights) -> Array:
    keep = (0, 0)
    x = np.pad(x, (keep, keep, (2, 1), (0, 3)), mode="reflect")
    x = np.pad(x, (keep, keep, (1, 1), (2, 2)), mode="edge")
    x = np.pad(x, (keep, (1, 0), (0, 1), (1, 0)), constant_values=0.5)
    x = np.pad(x, (keep, (0, 2), (1, 1), (1, 1)))
    x = x[:, 1:-1, 2:, -4:-1]
    return x[:, :, :, :2]


def _upsampled(x: Array, w: Weights) -> Array:
    entered = x.shape[2], x.shape[3]
    x = ref.nearest(x, (x.shape[2] * 2, x.shape[3] * 3))
    x = ref.bilinear(x, (x.shape[2] * 2, x.shape[3] * 2))
    x = ref.bilinear(x, (7, 5), align_corners=True)
    x = ref.nearest(x, entered)
    x = ref.conv(x, w["4.weight"], stride=(2, 2), pads=(1, 1, 1, 1))
    x = ref.bilinear(x, entered)
    return ref.bilinear(x, (x.shape[2] * 3, x.shape[3]), align_corners=True)


def _unpooled(x: Array, w: Weights) -> Array:
    pooled = ref.max_pool(x, (2, 2))
    inner = ref.max_pool(pooled, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1))
    y = ref.max_unpool(np.tanh(inner), pooled, (3, 3), (2, 2), (1, 1, 1, 1))
    return ref.max_unpool(y, x, (2, 2), (2, 2), ref.NONE)


def _zeros_before_pools(x: Array, w: Weights) -> Array:
    x = x - 3  # all below 0, so that the zeros of the pad are the largest
    x = ref.max_pool(ref.padded(x, (2, 2, 1, 1)), (2, 2), stride=(1, 1))
    x = ref.avg_pool(ref.padded(x, (3, 3, 3, 3)), (2, 2), stride=(2, 2), pads=(1, 1, 1, 1))
    return ref.max_pool(ref.padded(x - 3, (0, 1, 0, 0)), (1, 2), pads=(0, 1, 0, 1))


def _adaptive(x: Array, w: Weights) -> Array:
    x = ref.adaptive(x, (5, 5), np.mean)
    x = ref.adaptive(x, (3, 4), np.max)
    x = ref.adaptive(x, (3, 2), np.mean)
    return ref.adaptive(x, (7, 2), np.max)


def _rearranged(x: Array, w: Weights) -> Array:
    x = ref.space_to_depth(x, 2)
    x = ref.channel_shuffle(x, 8)
    x = ref.depth_to_space(ACTIVATIONS["relu"](x), 4)
    return ref.space_to_depth(x, 2)


WINDOWED = (
    Network(
        "convolutions",
        """\
  a: {conv: 4, kernel: 3, stride: 2, padding: same}
  b: {conv: 6, kernel: [3, 1], padding: [1, 0, 0, 0], dilation: [2, 1], groups: 2}
  c: {depthwise_conv: 2, bias: false}
""",
        _convolutions,
        {
            "a.weight": (4, 4, 3, 3), "a.bias": (4,), "b.weight": (6, 2, 3, 1), "b.bias": (6,),
            "c.weight": (6, 1, 2, 2),
        },
        smallest=(9, 3),
    ),
    Network(
        "dilated-same",
        """\
  - {conv: 3, kernel: 3, stride: 3, dilation: 2, padding: same, bias: false}
  - {conv: 2, kernel: 3, dilation: 2, padding: same, bias: false}
  - {conv: 3, kernel: [2, 5], stride: [2, 1], padding: same, bias: false}
  - {conv: 2, kernel: 1, stride: [3, 2], padding: same, bias: false}
""",
        _dilated_same,
        {
            "0.weight": (3, 4, 3, 3), "1.weight": (2, 3, 3, 3), "2.weight": (3, 2, 2, 5),
            "3.weight": (2, 3, 1, 1),
        },
    ),
    Network(
        "transposed-convolutions",
        """\
  a: {conv_transpose: 3, kernel: 2, padding: 2}
  b: {conv_transpose: 4, kernel: 3, stride: 2, padding: 1, output_padding: 1}
  c: {conv_transpose: 2, kernel: [2, 5], stride: [3, 2], padding: same}
  d: {conv_transpose: 4, kernel: [2, 3], padding: [1, 2], dilation: [1, 2], groups: 2, bias: false}
""",
        _transposed,
        {
            "a.weight": (4, 3, 2, 2), "a.bias": (3,), "b.weight": (3, 4, 3, 3), "b.bias": (4,),
            "c.weight": (4, 2, 2, 5), "c.bias": (2,), "d.weight": (2, 2, 2, 3),
        },
        smallest=(4, 4),
    ),
    Network(
        "fixed-kernels",
        """\
  - {conv: {values: [[1, 0, -1], [2, 0, -2], [1, 0, -1]], padding: 1, groups: 2}}
  - {conv: {values: [[[1, 2]], [[3, 4]]]}}
  - {conv: {values: [[[[1]], [[-1]]], [[[2]], [[0.5]]], [[[0]], [[1]]]]}}
  - {depthwise_conv: {values: [[1, 0, -1], [2, 0, -2], [1, 0, -1]], multiplier: 2, padding: 1}}
""",
        _fixed_kernels,
        smallest=(1, 2),
    ),
    Network(
        "pools",
        """\
  - {max_pool: 3, stride: 2, padding: 1}
  - {avg_pool: [2, 3], stride: 1, padding: 1, include_pad: false}
  - {max_pool: 2, stride: 1, dilation: [2, 1]}
  - {avg_pool: 2, padding: [0, 1, 1, 0]}
  - {max_pool: 3, stride: 2, padding: same}
  - {avg_pool: [3, 2], stride: 1, padding: same, include_pad: false}
""",
        _pools,
        smallest=(3, 3),
    ),
    Network(
        "ceilings",
        """\
  pools:
    concat:
      - [{max_pool: 3, stride: 2, padding: 1, ceil: true}]
      - [{avg_pool: 3, stride: 2, padding: 1, ceil: true}]
      - [{avg_pool: 3, stride: 2, padding: 1, ceil: true, include_pad: false}]
  last: {max_pool: [1, 2], stride: [3, 2], ceil: true}
""",
        _ceilings,
    ),
    Network(
        "pads-and-slices",
        """\
  - {pad: [2, 0, 1, 3], mode: reflect}
  - {pad: [1, 2], mode: edge}
  - {pad: [0, 1, 1, 0], channels: [1, 0], value: 0.5}
  - {pad: 1, channels: [0, 2]}
  - {slice: 1, stop: -1}
  - {slice: 2, axis: height}
  - {slice: -4, stop: -1, axis: 3}
  - {slice: 0, stop: 2, axis: width}
""",
        _pads,
        smallest=(3, 4),
    ),
    Network(
        "upsampling",
        """\
  - {upsample: [2, 3]}
  - {upsample: 2, mode: bilinear}
  - {upsample: {size: [7, 5]}, mode: bilinear, align_corners: true}
  - {upsample: {size: [$input.height, $input.width]}}
  - {conv: 4, kernel: 3, stride: 2, padding: 1, bias: false}
  - {upsample: {like: image}, mode: bilinear}
  - {upsample: [3, 1], mode: bilinear, align_corners: true}
""",
        _upsampled,
        {"4.weight": (4, 4, 3, 3)},
    ),
    Network(
        "unpooling",
        """\
  outer: {max_pool: 2}
  inner: {max_pool: 3, stride: 2, padding: 1}
  act: tanh
  un_inner: {max_unpool: inner}
  un_outer: {max_unpool: outer}
""",
        _unpooled,
        smallest=(2, 2),
    ),
    Network(
        "zeros-before-pools",
        """\
  - {shift: -3}
  - {pad: [2, 2, 1, 1]}
  - {max_pool: 2, stride: 1}
  - {pad: 3}
  - {avg_pool: 2, padding: 1}
  - {shift: -3}
  - {pad: [0, 1, 0, 0]}
  - {max_pool: [1, 2], padding: [0, 1]}
""",
        _zeros_before_pools,
    ),
    Network(
        "adaptive-pools",
        """\
  - {adaptive_avg_pool: 5}
  - {adaptive_max_pool: [3, 4]}
  - {adaptive_avg_pool: [3, 2]}
  - {adaptive_max_pool: [7, 2]}
""",
        _adaptive,
        fixed=(7, 11),
    ),
    Network(
        "rearrangement",
        """\
  - {space_to_depth: 2}
  - {channel_shuffle: 8}
  - relu
  - {depth_to_space: 4}
  - {space_to_depth: 2}
""",
        _rearranged,
        smallest=(2, 2),
        multiple_of=2,
    ),
)  # fmt: skip
