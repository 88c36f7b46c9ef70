"""What a user of ONNX Runtime runs instead of `archc build --precision int8`.

python -m benchmarks.quantize_with_stock model.onnx samples.npz out.onnx default|u8s8
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from onnxruntime import quantization


class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # untyped here
    """Hands samples out, one by one."""

    def __init__(self, path: str) -> None:
        arrays = dict(np.load(path))
        (name,) = arrays
        self._feeds: Iterator[dict[str, Any]] = iter([{name: s[None]} for s in arrays[name]])

    def get_next(self) -> dict[str, Any] | None:
        """The next sample."""
        return next(self._feeds, None)


def main() -> None:
    """Quantises, with the defaults or with unsigned activations and a scale for each channel."""
    model, samples, target, way = sys.argv[1:5]
    words: dict[str, Any] = {}
    if way == "u8s8":
        words = {
            "per_channel": True,
            "activation_type": quantization.QuantType.QUInt8,
            "weight_type": quantization.QuantType.QInt8,
        }
    quantization.quantize_static(model, target, Reader(samples), **words)


if __name__ == "__main__":
    main()
