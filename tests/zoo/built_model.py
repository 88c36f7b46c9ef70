"""Building a variant and running what was built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import archc


class BuiltModel:
    """A model file in a session of ONNX Runtime with one thread."""

    def __init__(self, path: Path) -> None:
        self._session = archc.session(path)

    def answer(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The outputs by name, the first as `logits`, for an image (N, C, H, W)."""
        (taken,) = self._session.get_inputs()
        names = [output.name for output in self._session.get_outputs()]
        values = self._session.run(names, {taken.name: image})
        return dict(zip(names, values, strict=True))
