"""The most that this machine gives a model in float32: measured, not looked up.

A product of 384 × 384 matrices and a convolution of 3 × 3 over 128 channels run in this process,
with the same number of threads, for a moment each; the fastest run of either is the peak.
"""

from __future__ import annotations

import time

import numpy as np

from archc.onnx_io.calibration import calibration_models
from archc.onnx_io.session import open_session

SECONDS = 0.3


def peak_macs_per_second(threads: int) -> float:
    """Multiply-accumulates a second in float32, at the best."""
    best = 0.0
    for model, shape, macs in calibration_models().values():
        session = open_session(model, threads=threads)
        feeds = {"x": np.full(shape, 0.5, np.float32)}
        session.run(None, feeds)
        end = time.perf_counter() + SECONDS
        while (start := time.perf_counter()) < end:
            session.run(None, feeds)
            best = max(best, macs / (time.perf_counter() - start))
    return best
