"""Resizing without antialiasing, as `torch.nn.functional.interpolate` does it on 8-bit pictures.

An output pixel i of m, over n input pixels, lies at x = (i + 1/2)·n/m − 1/2 (half-pixel centres);
it is a weighted mean of the two (bilinear) or four (bicubic, Keys 1981, a = −3/4) input pixels
around x, where pixels beyond the border repeat it. Antialiased resizing is Pillow's own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CUBIC_A = -0.75


def resample(
    pixels: NDArray[np.uint8], size: tuple[int, int], *, cubic: bool = False
) -> NDArray[np.uint8]:
    """A picture (H, W, C) at another (height, width), each pixel rounded to the even neighbour."""
    rows = _along(pixels.astype(np.float64), size[0], 0, cubic=cubic)
    both = _along(rows, size[1], 1, cubic=cubic)
    return np.rint(both).clip(0, 255).astype(np.uint8)


def _along(
    values: NDArray[np.float64], length: int, axis: int, *, cubic: bool
) -> NDArray[np.float64]:
    n = values.shape[axis]
    x = (np.arange(length) + 0.5) * (n / length) - 0.5
    left = np.floor(x).astype(np.int64)
    t = x - left
    weights = _cubic_weights(t) if cubic else {0: 1 - t, 1: t}
    shape = [1] * values.ndim
    shape[axis] = length
    total = np.zeros((), dtype=np.float64)
    for offset, weight in weights.items():
        taken = values.take((left + offset).clip(0, n - 1), axis=axis)
        total = total + taken * weight.reshape(shape)
    return total


def _cubic_weights(t: NDArray[np.float64]) -> dict[int, NDArray[np.float64]]:
    return {-1: _far(1 + t), 0: _near(t), 1: _near(1 - t), 2: _far(2 - t)}


def _near(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((_CUBIC_A + 2) * x - (_CUBIC_A + 3)) * x * x + 1


def _far(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((x - 5) * x + 8) * x * _CUBIC_A - 4 * _CUBIC_A
