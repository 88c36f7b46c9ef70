"""What the ops of the language mean, calculated by numpy alone, window by window.

Images are (N, C, H, W); pads are (top, left, bottom, right). Nothing here is taken from archc:
sizes follow from the formulas that the language gives, and each window is visited by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Pads: TypeAlias = tuple[int, int, int, int]
Pair: TypeAlias = tuple[int, int]

NONE: Pads = (0, 0, 0, 0)


def same_pads(x: Array, kernel: Pair, stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> Pads:
    """What `same` puts around an image: the output is ceil(n / s), an odd line stands last."""
    (top, bottom), (left, right) = (
        _same_ends(n, k, s, d)
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    )
    return top, left, bottom, right


def _same_ends(n: int, k: int, s: int, d: int) -> Pair:
    total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
    return total // 2, total - total // 2


def padded(x: Array, pads: Pads, fill: float = 0.0) -> Array:
    top, left, bottom, right = pads
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Pair = (1, 1),
    pads: Pads = NONE,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    x = padded(x, pads)
    out, depth, k_h, k_w = weight.shape
    (s_h, s_w), (d_h, d_w) = stride, dilation
    height = (x.shape[2] - d_h * (k_h - 1) - 1) // s_h + 1
    width = (x.shape[3] - d_w * (k_w - 1) - 1) // s_w + 1
    y = np.zeros((len(x), out, height, width))
    share = out // groups
    for g in range(groups):
        channels = x[:, g * depth : (g + 1) * depth]
        kernel = weight[g * share : (g + 1) * share]
        for u in range(k_h):
            for v in range(k_w):
                rows = slice(u * d_h, u * d_h + (height - 1) * s_h + 1, s_h)
                columns = slice(v * d_w, v * d_w + (width - 1) * s_w + 1, s_w)
                y[:, g * share : (g + 1) * share] += np.einsum(
                    "nchw,oc->nohw", channels[:, :, rows, columns], kernel[:, :, u, v]
                )
    return y if bias is None else y + bias[:, None, None]


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Pair = (1, 1),
    pads: Pads = NONE,
    output_padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Each element times the kernel, added up where it falls; pads are cut off afterwards."""
    channels, share, k_h, k_w = weight.shape
    (s_h, s_w), (d_h, d_w) = stride, dilation
    n, _, h, w = x.shape
    height = (h - 1) * s_h + d_h * (k_h - 1) + 1 + output_padding[0]
    width = (w - 1) * s_w + d_w * (k_w - 1) + 1 + output_padding[1]
    y = np.zeros((n, share * groups, height, width))
    depth = channels // groups
    for c in range(channels):
        first = c // depth * share
        for i in range(h):
            for j in range(w):
                rows = slice(i * s_h, i * s_h + d_h * (k_h - 1) + 1, d_h)
                columns = slice(j * s_w, j * s_w + d_w * (k_w - 1) + 1, d_w)
                y[:, first : first + share, rows, columns] += (
                    x[:, c, i, j, None, None, None] * weight[c]
                )
    top, left, bottom, right = pads
    y = y[:, :, top : height - bottom, left : width - right]
    return y if bias is None else y + bias[:, None, None]


def conv_transpose_same(x: Array, weight: Array, bias: Array, stride: Pair) -> Array:
    """The size times the stride: what is above it is cut off, what lacks is put at the end."""
    ends = [max(k - s, 0) for k, s in zip(weight.shape[2:], stride, strict=True)]
    more = [max(s - k, 0) for k, s in zip(weight.shape[2:], stride, strict=True)]
    top, left = ends[0] // 2, ends[1] // 2
    pads = (top, left, ends[0] - top, ends[1] - left)
    return conv_transpose(
        x, weight, bias, stride=stride, pads=pads, output_padding=(more[0], more[1])
    )


def max_pool(
    x: Array,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    pads: Pads = NONE,
    dilation: Pair = (1, 1),
    ceil: bool = False,
) -> Array:
    """The maximum of the elements of a window that lie in the image."""

    def largest(window: Array, area: int) -> Array:
        return np.asarray(window.max(axis=(2, 3)))

    return _pooled(x, kernel, stride or kernel, pads, dilation, largest, ceil=ceil)


def avg_pool(
    x: Array,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    pads: Pads = NONE,
    ceil: bool = False,
    include_pad: bool = True,
) -> Array:
    """The sum of a window over the elements of it that lie in the image, or in it and its pads."""

    def mean(window: Array, area: int) -> Array:
        count = area if include_pad else window.shape[2] * window.shape[3]
        return np.asarray(window.sum(axis=(2, 3)) / count)

    return _pooled(x, kernel, stride or kernel, pads, (1, 1), mean, ceil=ceil)


def _pooled(
    x: Array,
    kernel: Pair,
    stride: Pair,
    pads: Pads,
    dilation: Pair,
    reduced: Callable[[Array, int], Array],
    *,
    ceil: bool,
) -> Array:
    height, width = x.shape[2:]
    top, left, bottom, right = pads
    rows = _places(height, kernel[0], stride[0], dilation[0], top, bottom, ceil=ceil)
    columns = _places(width, kernel[1], stride[1], dilation[1], left, right, ceil=ceil)
    y = np.zeros((*x.shape[:2], len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            inside = [[p for p in row if 0 <= p < height], [p for p in column if 0 <= p < width]]
            area = sum(p < height + bottom for p in row) * sum(p < width + right for p in column)
            y[:, :, i, j] = reduced(x[:, :, inside[0]][:, :, :, inside[1]], area)
    return y


def _places(
    n: int, k: int, s: int, d: int, before: int, after: int, *, ceil: bool
) -> list[list[int]]:
    """The positions of each window along an axis, those outside included."""
    room = n + before + after - d * (k - 1) - 1
    count = (math.ceil(room / s) if ceil else room // s) + 1
    starts = [i * s - before for i in range(count)]
    if ceil:
        starts = [start for start in starts if start < n]
    return [[start + u * d for u in range(k)] for start in starts]


def max_unpool(values: Array, entered: Array, kernel: Pair, stride: Pair, pads: Pads) -> Array:
    """The values where the maxima of the windows of what entered the pool stand, 0 elsewhere."""
    y = np.zeros_like(entered)
    height, width = entered.shape[2:]
    rows = _places(height, kernel[0], stride[0], 1, pads[0], pads[2], ceil=False)
    columns = _places(width, kernel[1], stride[1], 1, pads[1], pads[3], ceil=False)
    for n, c, i, j in np.ndindex(*values.shape):
        inside = [(p, q) for p in rows[i] for q in columns[j] if 0 <= p < height and 0 <= q < width]
        found = [entered[n, c, p, q] for p, q in inside]
        y[n, c][inside[int(np.argmax(found))]] = values[n, c, i, j]
    return y


def adaptive(x: Array, size: Pair, reduced: Callable[..., Array]) -> Array:
    """Window i covers floor(i·n/m) to ceil((i + 1)·n/m)."""
    rows, columns = (list(_spans(n, m)) for n, m in zip(x.shape[2:], size, strict=True))
    y = np.zeros((*x.shape[:2], *size))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            y[:, :, i, j] = reduced(x[:, :, row, column], axis=(2, 3))
    return y


def _spans(n: int, m: int) -> Iterator[slice]:
    return (slice(math.floor(i * n / m), math.ceil((i + 1) * n / m)) for i in range(m))


def dense(x: Array, weight: Array, bias: Array | None = None) -> Array:
    y = x @ weight.T
    return y if bias is None else y + bias


def along(numbers: Array, x: Array, axis: int = 1) -> Array:
    """Numbers a channel in a shape that goes along an axis of x."""
    return numbers.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def standardised(x: Array, axes: Sequence[int], eps: float = 1e-5) -> Array:
    mean = x.mean(axis=tuple(axes), keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=tuple(axes), keepdims=True)
    return np.asarray((x - mean) / np.sqrt(variance + eps))


def group_norm(x: Array, groups: int, eps: float = 1e-5) -> Array:
    split = x.reshape(len(x), groups, -1)
    return standardised(split, [2], eps).reshape(x.shape)


def batch_norm(
    x: Array,
    mean: Array,
    variance: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    axis: int = 1,
) -> Array:
    y = (x - along(mean, x, axis)) / np.sqrt(along(variance, x, axis) + eps)
    y = y if weight is None else y * along(weight, x, axis)
    return y if bias is None else y + along(bias, x, axis)


def local_response_norm(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    y = np.zeros_like(x)
    for c in range(x.shape[1]):
        around = x[:, max(c - size // 2, 0) : c + size // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha / size * (around**2).sum(axis=1)) ** beta
    return y


def nearest(x: Array, size: Pair) -> Array:
    """y[i] = x[floor(i / scale)], in exact integers."""
    rows, columns = ([i * n // m for i in range(m)] for n, m in zip(x.shape[2:], size, strict=True))
    return x[:, :, rows][:, :, :, columns]


def bilinear(x: Array, size: Pair, *, align_corners: bool = False) -> Array:
    for axis, m in zip((2, 3), size, strict=True):
        x = _interpolated(x, axis, m, align_corners=align_corners)
    return x


def _interpolated(x: Array, axis: int, m: int, *, align_corners: bool) -> Array:
    n = x.shape[axis]
    taken = []
    for i in range(m):
        if align_corners:
            at = i * (n - 1) / (m - 1) if m > 1 else 0.0
        else:
            at = min(max((i + 0.5) * n / m - 0.5, 0), n - 1)
        low = math.floor(at)
        high = min(low + 1, n - 1)
        part = at - low
        taken.append(x.take(low, axis) * (1 - part) + x.take(high, axis) * part)
    return np.stack(taken, axis)


def depth_to_space(x: Array, factor: int) -> Array:
    n, c, h, w = x.shape
    split = x.reshape(n, c // factor**2, factor, factor, h, w)
    return split.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, h * factor, w * factor)


def space_to_depth(x: Array, factor: int) -> Array:
    n, c, h, w = x.shape
    split = x.reshape(n, c, h // factor, factor, w // factor, factor)
    return split.transpose(0, 1, 3, 5, 2, 4).reshape(n, -1, h // factor, w // factor)


def channel_shuffle(x: Array, groups: int) -> Array:
    count = x.shape[1]
    order = [j * (count // groups) + i for i in range(count // groups) for j in range(groups)]
    return x[:, order]


def softmax(x: Array, axis: int = 1) -> Array:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x: Array) -> Array:
    return np.clip(x / 6 + 0.5, 0, 1)


def softplus(x: Array) -> Array:
    return np.log1p(np.exp(x))


_erf = np.vectorize(math.erf, otypes=[np.float64])

Activation: TypeAlias = Callable[[Array], Array]

ACTIVATIONS: dict[str, Activation] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x < 0, 0.01 * x, x),
    "elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "selu": lambda x: 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(x), x),
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "tanh": np.tanh,
    "silu": lambda x: x * sigmoid(x),
    "hard_swish": lambda x: x * hard_sigmoid(x),
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": lambda x: np.log(softmax(x)),
    "identity": lambda x: x,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "square": np.square,
}
"""The activations at their defaults; `sqrt` wants numbers from 0 on."""
