"""Networks of layers that look at elements and channels, reduce, merge, and end in features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.packages import by_numpy as ref
from tests.packages.by_numpy import ACTIVATIONS, Array
from tests.packages.network import Network, Weights


def _activations(x: Array, w: Weights) -> Array:
    tanh = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    branches = [ACTIVATIONS[op](x) for op in _PLAIN]
    branches += [
        np.where(x < 0, 0.3 * x, x), np.where(x < 0, 2 * np.expm1(x), x), x / 2 * (1 + tanh),
        ref.softmax(x, 3), np.log(ref.softmax(x, 2)), np.sqrt(np.abs(x)), np.clip(x, -0.5, 0.75),
        np.maximum(x, 0.25), np.minimum(x, -0.25),
    ]  # fmt: skip
    return np.concatenate(branches, axis=1)


_PLAIN = [op for op in ACTIVATIONS if op != "sqrt"]
_ACTIVATION_LAYERS = "\n".join(
    [
        "  all:", "    concat:", *(f"      - [{op}]" for op in _PLAIN),
        "      - [{leaky_relu: 0.3}]", "      - [{elu: 2}]", "      - [{gelu: true}]",
        "      - [{softmax: width}]", "      - [{log_softmax: 2}]", "      - [abs, sqrt]",
        "      - [{clip: {min: -0.5, max: 0.75}}]", "      - [{clip: {min: 0.25}}]",
        "      - [{clip: {max: -0.25}}]",
    ]
)  # fmt: skip


def _normalised(x: Array, w: Weights) -> Array:
    for name, scale, center in (("bn", 1, 1), ("bn2", 0, 1), ("bn3", 1, 0), ("bn4", 0, 0)):
        weight = w[f"{name}.weight"] if scale else None
        bias = w[f"{name}.bias"] if center else None
        mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        x = ref.batch_norm(x, mean, variance, weight, bias, eps=0.01)
    x = ref.standardised(x, [1], 0.01)
    x = x * ref.along(w["ln.weight"], x) + ref.along(w["ln.bias"], x)
    x = ref.standardised(x, [1], 0.1)
    x = ref.group_norm(x, 2, 0.01) * ref.along(w["gn.weight"], x) + ref.along(w["gn.bias"], x)
    x = ref.standardised(x, [2, 3], 0.1) + x
    x = ref.group_norm(x, 4, 0.1) + x
    x = ref.standardised(x, [2, 3], 0.1) * ref.along(w["in.weight"], x) + ref.along(w["in.bias"], x)
    return ref.local_response_norm(x, 3, 0.5, 0.75, 2.0)


def _factors(x: Array, w: Weights) -> Array:
    x = x * ref.along(w["learned.weight"], x) * ref.along(np.array([1.0, -2, 0.5, 3]), x) * 0.5
    x = x + ref.along(np.array([0.1, 0, -1, 2]), x) - 1.5
    x = (x * ref.along(np.array([2.0, 1, 0.5, 1]), x) - 0.25) / ref.along(
        np.array([1.0, 2, 4, 0.5]), x
    )
    x = np.where(x < 0, x * ref.along(w["slope.weight"], x), x)
    x = np.where(x < 0, x * w["one_slope.weight"], x)
    return np.square(np.abs(x))


def _merged(x: Array, w: Weights) -> Array:
    left = ref.conv(x, w["sum.0.0.weight"], pads=(1, 1, 1, 1))
    right = np.tanh(ref.conv(x, w["right.weight"]))
    x = left + right + x
    x = x - np.abs(x) - right
    x = (x + left + ref.sigmoid(x)) / 3
    x = np.maximum(np.maximum(x, right), -x)
    pooled = x.mean(axis=(2, 3), keepdims=True)
    gate = ref.sigmoid(ref.conv(pooled, w["fc.weight"], w["fc.bias"]))
    x = gate * x * x.max(axis=1, keepdims=True)
    return np.concatenate([x, right[:, :, :1], left], axis=2)


def _reductions(x: Array, w: Weights) -> Array:
    def biggest(y: Array) -> Array:
        return np.asarray(y.max(axis=(2, 3), keepdims=True))

    parts = [x.mean(axis=(2, 3), keepdims=True), biggest(x), x.mean(axis=(2, 3), keepdims=True)]
    parts += [biggest(x), biggest(-x), x.mean(axis=2, keepdims=True).max(axis=3, keepdims=True)]
    wide = np.concatenate(parts, axis=1)[:, :, 0, 0]
    wide = ref.dense(wide, w["fc.weight"], w["fc.bias"])
    return ref.softmax(ACTIVATIONS["relu"](wide))


def _features(x: Array, w: Weights) -> Array:
    x = ref.dense(x.reshape(len(x), -1), w["fc1.weight"], w["fc1.bias"])
    x = ref.batch_norm(x, w["bn.running_mean"], w["bn.running_var"], w["bn.weight"], w["bn.bias"])
    x = ref.standardised(x, [1]) * w["ln.weight"] + w["ln.bias"]
    x = ref.group_norm(x, 3) * w["gn.weight"] + w["gn.bias"]
    x = np.where(x < 0, x * w["slope.weight"], x) * w["factor.weight"]
    x = x.reshape(len(x), 2, 2, 3)
    x = ref.conv(x, w["conv.weight"], w["conv.bias"])
    x = ref.dense(x.reshape(len(x), 3, -1), w["fc2.weight"])
    return np.log(ref.softmax(x.reshape(len(x), -1)))


def _channels_last(x: Array, w: Weights) -> Array:
    x = ref.dense(x.transpose(0, 2, 3, 1), w["fc.weight"], w["fc.bias"])
    x = ref.standardised(x, [3]) * w["ln.weight"] + w["ln.bias"]
    mean, variance = w["bn.running_mean"], w["bn.running_var"]
    x = ref.batch_norm(x, mean, variance, w["bn.weight"], w["bn.bias"], axis=3)
    x = np.where(x < 0, x * w["slope.weight"], x) * w["factor.weight"]
    x = (x - np.array([0, 1, 2, 3, 4, 5])) @ w["fc2.weight"].T
    x = ref.softmax(x, 3).transpose(0, 3, 1, 2)
    return ref.conv(x, w["conv.weight"], w["conv.bias"])


def _shapes(x: Array, w: Weights) -> Array:
    n, _, h, width = x.shape
    x = ref.softmax(x.reshape(n, 2, -1), 2).reshape(n, 1, 4, h, width)
    x = x[:, 0].reshape(n, 2, h * 2, width)
    x = ref.conv(x, w["conv.weight"]).reshape(n, 2 * h, width)
    return np.asarray(x.mean(axis=1))


def _positions(x: Array, w: Weights) -> NDArray[Any]:
    classes = ref.conv(x, w["score.weight"]).argmax(axis=1)
    return np.concatenate([classes[:, 1:], classes], axis=1).transpose(0, 2, 1)


_AFFINE = ("weight", "bias")
_BATCH_NORMS = ("bn", "bn2", "bn3", "bn4")

CHANNELWISE = (
    Network("activations", _ACTIVATION_LAYERS, _activations),
    Network(
        "normalisations",
        """\
  bn: {batch_norm: {eps: 1e-2}}
  bn2: {batch_norm: {eps: 1e-2, scale: false}}
  bn3: {batch_norm: {eps: 1e-2, center: false}}
  bn4: {batch_norm: {eps: 1e-2, affine: false, momentum: 0.5}}
  ln: {layer_norm: {eps: 1e-2}}
  ln2: {layer_norm: {eps: 0.1, affine: false}}
  gn: {group_norm: 2, eps: 1e-2}
  first: {add: [[{instance_norm: {eps: 0.1}}], []]}
  second: {add: [[{group_norm: 4, eps: 0.1, affine: false}], []]}
  in: {instance_norm: {eps: 0.1, affine: true}}
  lrn: {local_response_norm: 3, alpha: 0.5, k: 2}
""",
        _normalised,
        {
            **{f"{bn}.running_{x}": (4,) for bn in _BATCH_NORMS for x in ("mean", "var")},
            **{f"{layer}.weight": (4,) for layer in ("bn", "bn3", "ln", "gn", "in")},
            **{f"{layer}.bias": (4,) for layer in ("bn", "bn2", "ln", "gn", "in")},
        },
    ),
    Network(
        "factors",
        """\
  learned: scale
  by_channel: {multiply: [1, -2, 0.5, 3]}
  by_number: {multiply: 0.5}
  to_channel: {shift: [0.1, 0, -1, 2]}
  to_all: {shift: -1.5}
  fixed: {normalize: {mean: 0.25, std: [1, 2, 4, 0.5], scale: [2, 1, 0.5, 1]}}
  slope: prelu
  one_slope: {prelu: {shared: true}}
  drop: {dropout: 0.5}
  depth: {stochastic_depth: 0.1}
  same: identity
  abs: abs
  square: square
""",
        _factors,
        {"learned.weight": (4,), "slope.weight": (4,), "one_slope.weight": (1,)},
    ),
    Network(
        "merges",
        """\
  sum:
    add:
      - [{conv: 4, kernel: 3, padding: 1, bias: false}]
      - {right: {conv: 4, kernel: 1, bias: false}, bent: tanh}
      - []
  less: {sub: [[], [abs], {from: bent}]}
  mean: {average: [[], {from: sum.0}, [sigmoid]]}
  most: {maximum: [[], {from: bent}, [{multiply: -1}]]}
  gated: {mul: [{pool: global_avg_pool, fc: {conv: 4, kernel: 1}, gate: sigmoid}, [],
                [{max: channels}]]}
  tall: {concat: [[], {from: bent, layers: [{slice: 0, stop: 1, axis: height}]}, {from: sum.0}],
         axis: height}
""",
        _merged,
        {
            "sum.0.0.weight": (4, 4, 3, 3), "right.weight": (4, 4, 1, 1),
            "fc.weight": (4, 4, 1, 1), "fc.bias": (4,),
        },
    ),
    Network(
        "reductions",
        """\
  all:
    concat:
      - [{mean: [height, width], keep_dims: false}]
      - [{max: [3, 2], keep_dims: false}]
      - [{global_avg_pool: {keep_dims: false}}]
      - [{global_max_pool: {keep_dims: false}}]
      - [{multiply: -1}, {adaptive_max_pool: 1}, flatten]
      - [{mean: 2}, {max: width}, {squeeze: 3}, {squeeze: height}]
  fc: {dense: 5}
  act: relu
  out: softmax
""",
        _reductions,
        {"fc.weight": (5, 24), "fc.bias": (5,)},
    ),
    Network(
        "features",
        """\
  flat: flatten
  fc1: {dense: 12}
  bn: batch_norm
  ln: layer_norm
  gn: {group_norm: 3}
  slope: prelu
  factor: scale
  picture: {reshape: [2, -1, 3]}
  conv: {conv: 3, kernel: 1}
  rows: {flatten: height}
  fc2: {dense: 2, bias: false}
  line: {reshape: [6]}
  out: log_softmax
""",
        _features,
        {
            "fc1.weight": (12, 60), "fc1.bias": (12,), "fc2.weight": (2, 6),
            "bn.running_mean": (12,), "bn.running_var": (12,),
            "conv.weight": (3, 2, 1, 1), "conv.bias": (3,), "slope.weight": (12,),
            "factor.weight": (12,),
            **{f"{layer}.{part}": (12,) for layer in ("bn", "ln", "gn") for part in _AFFINE},
        },
        fixed=(3, 5),
    ),
    Network(
        "channels-last",
        """\
  last: {permute: [0, 2, 3, 1]}
  fc: {dense: 6}
  ln: layer_norm
  bn: batch_norm
  slope: prelu
  factor: scale
  less: {normalize: {mean: [0, 1, 2, 3, 4, 5]}}
  fc2: {dense: 3, bias: false}
  soft: softmax
  first: {permute: [0, 3, 1, 2]}
  conv: {conv: 2, kernel: 1}
""",
        _channels_last,
        {
            "fc.weight": (6, 4), "fc.bias": (6,), "fc2.weight": (3, 6), "slope.weight": (6,),
            "factor.weight": (6,), "bn.running_mean": (6,), "bn.running_var": (6,),
            "conv.weight": (2, 3, 1, 1), "conv.bias": (2,),
            **{f"{layer}.{part}": (6,) for layer in ("ln", "bn") for part in _AFFINE},
        },
    ),
    Network(
        "shapes",
        """\
  rows: {reshape: [2, -1]}
  soft: {softmax: 2}
  five: {reshape: [1, 4, $input.height, $input.width]}
  four: {squeeze: 1}
  tall: {reshape: [2, -1, $input.width]}
  conv: {conv: 1, kernel: 1, bias: false}
  gone: {squeeze: channels}
  mean: {mean: height, keep_dims: false}
""",
        _shapes,
        {"conv.weight": (1, 2, 1, 1)},
    ),
    Network(
        "positions",
        """\
  score: {conv: 5, kernel: 1, bias: false}
  class: argmax
  twice: {concat: [[{slice: 1, axis: height}], []], axis: height}
  turned: {permute: [0, 2, 1]}
""",
        _positions,
        {"score.weight": (5, 4, 1, 1)},
        smallest=(2, 1),
    ),
)  # fmt: skip
