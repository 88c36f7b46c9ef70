"""Which weights are rounded up and which down, so that their errors cancel out where they are used.

The nearest level is not the best one: with errors e of the d weights of an output, and the
covariance C of what they are multiplied by, the output is off by eᵀ C e on average. From the
nearest levels on, the weight whose other neighbour makes that smallest is moved, until none does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archc.quantization.ranges import Numbers


def rounded_together(
    weights: Numbers, scales: Numbers, covariance: Numbers, limit: int
) -> NDArray[np.float32]:
    """The levels of weights [out, d] with a scale for each output.

    Args:
        weights: the weights.
        scales: the scale of each output.
        covariance: [groups, d, d]; outputs are spread over groups in order.
        limit: the largest level.
    """
    steps = scales[:, None]
    exact = weights / steps
    levels = np.clip(np.rint(exact), -limit, limit)
    group = np.arange(len(weights)) // (len(weights) // len(covariance))
    own = np.diagonal(covariance, axis1=1, axis2=2)[group]
    error = levels - exact
    pull = np.stack([e @ covariance[g] for e, g in zip(error, group, strict=True)])
    rows = np.arange(len(weights))
    for _ in range(2 * weights.shape[1]):
        move = np.where(error > 0, -1.0, 1.0)
        gain = 2 * move * pull + own
        gain[np.abs(levels + move) > limit] = np.inf
        gain[np.abs(error + move) > 1] = np.inf
        best = gain.argmin(axis=1)
        taken = rows[gain[rows, best] < -1e-12]
        if not len(taken):
            break
        at, by = best[taken], move[taken, best[taken]]
        levels[taken, at] += by
        error[taken, at] += by
        pull[taken] += by[:, None] * covariance[group[taken], at]
    return levels.astype(np.float32)
